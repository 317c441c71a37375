#include "http/h1_head.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/text.h"

namespace remora {
namespace {

constexpr std::string_view kSpaceTab = " \t";

constexpr std::array<char, 256> make_token_table() {
  // 0: not a token character; else the character, lower-cased.
  std::array<char, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"))
    table[static_cast<unsigned char>(c)] = c;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = static_cast<char>(c - 'A' + 'a');
  return table;
}
constexpr auto kLowerToken = make_token_table();

constexpr std::array<bool, 256> make_value_table() {
  std::array<bool, 256> table{};
  for (unsigned c = 0x20; c < 0x100; ++c) table[c] = c != 0x7f;
  table['\t'] = true;
  return table;
}
constexpr auto kValueByte = make_value_table();

constexpr std::array<bool, 256> make_target_table() {
  std::array<bool, 256> table{};
  for (unsigned c = 0x21; c < 0x7f; ++c) table[c] = true;  // visible ASCII
  return table;
}
constexpr auto kTargetByte = make_target_table();

bool is_target(std::string_view text) {
  for (const char c : text) {
    if (!kTargetByte[static_cast<unsigned char>(c)]) return false;
  }
  return !text.empty();
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpaceTab);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaceTab) - first + 1);
}

/// Cuts the next line (without CRLF) off `rest`. The scanner has made sure that every line ends in CRLF.
std::string_view next_line(std::string_view& rest) {
  const size_t end = rest.find("\r\n");
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

/// Host fields of a request: they become :authority and never enter the map.
struct Hosts {
  size_t count = 0;
  std::string_view value;
};

/// One field line, in memory that the map owns: lowers the name in place.
HeadError parse_field(char* line, size_t size, HeaderMap& headers, Hosts* hosts) {
  size_t colon = 0;
  while (colon < size && line[colon] != ':') {
    const char lower = kLowerToken[static_cast<unsigned char>(line[colon])];
    if (lower == 0)
      return {400, line[0] == ' ' || line[0] == '\t' ? "http1.folded_header" : "http1.invalid_header_name"};
    line[colon++] = lower;
  }
  if (colon == size || colon == 0) return {400, "http1.invalid_header_name"};
  const auto value = trim({line + colon + 1, size - colon - 1});
  for (const char c : value) {
    if (!kValueByte[static_cast<unsigned char>(c)]) return {400, "http1.invalid_header_value"};
  }
  const std::string_view name(line, colon);
  const auto id = header_id(name);
  if (id == HeaderId::kHost && hosts != nullptr) {
    ++hosts->count;
    hosts->value = value;
  } else {
    headers.add_reference(id, name, value);
  }
  return {};
}

HeadError parse_fields(std::string_view rest, const HeadLimits& limits, HeaderMap& headers,
                       Hosts* hosts = nullptr) {
  char* bytes = headers.allocate(rest.size());
  std::memcpy(bytes, rest.data(), rest.size());
  rest = {bytes, rest.size()};
  size_t count = 0;
  while (true) {
    const auto line = next_line(rest);
    if (line.empty()) return {};
    if (++count > limits.max_fields) return {431, "http1.too_many_headers"};
    const auto error = parse_field(bytes + (line.data() - bytes), line.size(), headers, hosts);
    if (error.failed()) return error;
  }
}

bool parse_length(std::string_view text, uint64_t& length) {
  if (text.empty() || text.size() > 19) return false;
  length = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    length = length * 10 + static_cast<uint64_t>(c - '0');
  }
  return length <= uint64_t{INT64_MAX};
}

/// Content-Length and Transfer-Encoding into one decision. `chunked` and `length` tell what was there.
struct BodyFields {
  bool chunked = false;
  bool has_length = false;
  uint64_t length = 0;
};

HeadError read_body_fields(HeaderMap& headers, uint8_t minor_version, BodyFields& body) {
  size_t lengths = 0;
  size_t encodings = 0;
  std::string_view encoding;
  for (const auto& field : headers.fields()) {
    if (field.id == HeaderId::kContentLength) {
      if (++lengths > 1) return {400, "http1.duplicate_content_length"};
      if (!parse_length(field.value, body.length)) return {400, "http1.invalid_content_length"};
      body.has_length = true;
    } else if (field.id == HeaderId::kTransferEncoding) {
      ++encodings;
      encoding = field.value;
    }
  }
  if (encodings == 0) return {};
  if (body.has_length) return {400, "http1.content_length_and_transfer_encoding"};
  if (minor_version == 0) return {400, "http1.transfer_encoding_in_http10"};
  if (encodings > 1) return {400, "http1.duplicate_transfer_encoding"};
  if (!equals_ignoring_case(encoding, "chunked")) return {501, "http1.unsupported_transfer_encoding"};
  body.chunked = true;
  headers.remove(HeaderId::kTransferEncoding);
  return {};
}

/// What the Connection header says, and which fields it takes away with it.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

// Fields that a Connection header must not be able to remove: they carry identity or framing.
constexpr std::array kNeverNominated = {
    HeaderId::kHost,
    HeaderId::kContentLength,
    HeaderId::kTransferEncoding,
    HeaderId::kCookie,
    HeaderId::kXForwardedFor,
    HeaderId::kXForwardedHost,
    HeaderId::kXForwardedProto,
    HeaderId::kXForwardedClientCert,
};

bool may_be_nominated(std::string_view member) {
  return is_token(member) && std::none_of(kNeverNominated.begin(), kNeverNominated.end(), [&](HeaderId id) {
           return equals_ignoring_case(member, header_name(id));
         });
}

template <typename Visit>
bool each_list_member(std::string_view list, Visit visit) {
  while (true) {
    const size_t comma = list.find(',');
    const auto member = trim(list.substr(0, comma));
    if (!member.empty() && !visit(member)) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

HeadError read_connection(HeaderMap& headers, ConnectionOptions& options) {
  if (!headers.has(HeaderId::kConnection)) return {};
  std::array<std::string_view, 16> nominated;
  size_t count = 0;
  bool sane = true;
  for (const auto& field : headers.fields()) {
    if (field.id != HeaderId::kConnection) continue;
    sane = sane && each_list_member(field.value, [&](std::string_view member) {
             if (equals_ignoring_case(member, "close")) {
               options.close = true;
             } else if (equals_ignoring_case(member, "keep-alive")) {
               options.keep_alive = true;
             } else if (equals_ignoring_case(member, "upgrade")) {
               options.upgrade = true;
             } else if (may_be_nominated(member) && count < nominated.size()) {
               nominated[count++] = member;
             } else {
               return false;
             }
             return true;
           });
  }
  if (!sane) return {400, "http1.connection_header_rejected"};
  for (size_t i = 0; i < count; ++i) {
    headers.remove_if([&](const HeaderMap::Field& field) {
      // TE is left to strip_hop_by_hop.
      return field.id != HeaderId::kTe && equals_ignoring_case(nominated[i], field.name);
    });
  }
  return {};
}

/// Fields that belong to one hop only. `te: trailers` survives: gRPC needs it end to end.
void strip_hop_by_hop(HeaderMap& headers, bool keep_upgrade) {
  headers.remove_if([keep_upgrade](const HeaderMap::Field& field) {
    switch (field.id) {
      case HeaderId::kConnection:
      case HeaderId::kUpgrade: return !keep_upgrade;
      case HeaderId::kKeepAlive:
      case HeaderId::kProxyConnection:
      case HeaderId::kTransferEncoding: return true;
      case HeaderId::kTe: return !equals_ignoring_case(field.value, "trailers");
      default: return false;
    }
  });
}

struct StartLine {
  std::string_view method;
  std::string_view target;
  uint8_t minor_version = 1;
};

HeadError split_request_line(std::string_view line, StartLine& start) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return {400, "http1.invalid_request_line"};
  start.method = line.substr(0, first);
  start.target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(start.method)) return {400, "http1.invalid_method"};
  if (version == "HTTP/1.1") {
    start.minor_version = 1;
  } else if (version == "HTTP/1.0") {
    start.minor_version = 0;
  } else {
    return {400, "http1.invalid_version"};
  }
  // A '#' never belongs into a request target: what follows it would be matched by some and ignored by
  // others.
  if (!is_target(start.target) || start.target.find('#') != std::string_view::npos)
    return {400, "http1.invalid_url"};
  return {};
}

/// The target's authority and path (RFC 9112 section 3.2), with the authority of an absolute URI winning over
/// Host.
HeadError split_target(const StartLine& start, bool allow_absolute, std::string_view& authority,
                       std::string_view& path) {
  authority = {};
  if (start.method == "CONNECT") {
    if (!is_valid_authority(start.target)) return {400, "http1.invalid_url"};
    authority = start.target;
    path = {};
    return {};
  }
  if (start.target.front() == '/') {
    path = start.target;
    return {};
  }
  if (start.target == "*" && start.method == "OPTIONS") {
    path = start.target;
    return {};
  }
  const size_t scheme_end = start.target.find("://");
  const auto scheme = start.target.substr(0, scheme_end);
  const bool known = equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https");
  if (!allow_absolute || scheme_end == std::string_view::npos || !known) return {400, "http1.invalid_url"};
  const auto rest = start.target.substr(scheme_end + 3);
  const size_t slash = rest.find_first_of("/?");
  authority = rest.substr(0, slash);
  if (!is_valid_authority(authority)) return {400, "http1.invalid_url"};
  path = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
  if (path.front() == '?') return {400, "http1.invalid_url"};
  return {};
}

HeadError choose_authority(const Hosts& hosts, const RequestRules& rules, uint8_t minor_version,
                           std::string_view from_target, std::string_view& authority) {
  if (hosts.count > 1) return {400, "http1.duplicate_host"};
  if (!hosts.value.empty() && !is_valid_authority(hosts.value)) return {400, "http1.invalid_host"};
  authority = from_target.empty() ? hosts.value : from_target;
  if (authority.empty() && minor_version == 0) authority = rules.default_host_for_http_10;
  if (authority.empty()) return {400, "missing_host_header"};
  return {};
}

}  // namespace

bool is_token(std::string_view text) {
  for (const char c : text) {
    if (kLowerToken[static_cast<unsigned char>(c)] == 0) return false;
  }
  return !text.empty();
}

bool is_valid_authority(std::string_view text) {
  if (text.empty() || text.size() > 255 + 6) return false;
  const bool bracketed = text.front() == '[';
  size_t end = 0;
  if (bracketed) {
    end = text.find(']');
    if (end == std::string_view::npos || end == 1) return false;
    if (text.substr(1, end - 1).find_first_not_of("0123456789abcdefABCDEF:.%") != std::string_view::npos)
      return false;
    ++end;
  } else {
    constexpr std::string_view kHostBytes =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+;=%";
    while (end < text.size() && kHostBytes.find(text[end]) != std::string_view::npos) ++end;
    if (end == 0) return false;
  }
  if (end == text.size()) return true;
  if (text[end] != ':' || text.size() - end > 6) return false;
  return text.find_first_not_of("0123456789", end + 1) == std::string_view::npos;
}

HeadScanner::State HeadScanner::scan(std::string_view bytes) {
  while (position_ < bytes.size()) {
    const void* found = std::memchr(bytes.data() + position_, '\n', bytes.size() - position_);
    if (found == nullptr) {
      // A CR may only be the last byte of an unfinished line; anywhere else it is bare, and told when the
      // line ends.
      position_ = bytes.size();
      return State::kMore;
    }
    const auto end = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    if (end == line_start_ || bytes[end - 1] != '\r') return State::kBad;
    const size_t length = end - 1 - line_start_;
    if (std::memchr(bytes.data() + line_start_, '\r', length) != nullptr) return State::kBad;
    position_ = end + 1;
    if (length == 0) return State::kComplete;
    line_start_ = position_;
  }
  return State::kMore;
}

HeadError parse_request_head(std::string_view head, const RequestRules& rules, HeaderMap& headers,
                             RequestHead& parsed) {
  headers.clear();
  auto rest = head;
  const auto line = headers.store(next_line(rest));
  StartLine start;
  if (const auto error = split_request_line(line, start); error.failed()) return error;
  parsed.minor_version = start.minor_version;
  if (start.minor_version == 0 && !rules.accept_http_10) return {426, "low_version"};
  std::string_view target_authority;
  std::string_view path;
  if (const auto error = split_target(start, rules.allow_absolute_url, target_authority, path);
      error.failed())
    return error;

  headers.add_reference(HeaderId::kMethod, ":method", start.method);
  headers.add_reference(HeaderId::kPath, ":path", path);
  // Replaced later, but their place is in front; moving fields then would cost more.
  headers.add_reference(HeaderId::kAuthority, ":authority", {});
  headers.add_reference(HeaderId::kScheme, ":scheme", "http");
  Hosts hosts;
  if (const auto error = parse_fields(rest, rules.limits, headers, &hosts); error.failed()) return error;

  std::string_view authority;
  if (const auto error = choose_authority(hosts, rules, start.minor_version, target_authority, authority);
      error.failed()) {
    return error;
  }
  headers.set(HeaderId::kAuthority, authority);
  if (path.empty()) headers.remove(HeaderId::kPath);  // CONNECT

  BodyFields body;
  if (const auto error = read_body_fields(headers, start.minor_version, body); error.failed()) return error;
  ConnectionOptions options;
  if (const auto error = read_connection(headers, options); error.failed()) return error;
  const auto upgrade = headers.value_of(HeaderId::kUpgrade);
  // h2c by upgrade is not offered, and a proxy that passes the offer on lets the peers leave HTTP/1 behind
  // its back.
  parsed.upgrade = options.upgrade && !upgrade.empty() && start.minor_version == 1 &&
                   !equals_ignoring_case(upgrade, "h2c");
  if (parsed.upgrade && (body.chunked || body.length > 0)) return {400, "http1.upgrade_with_body"};
  if (parsed.upgrade) headers.set(HeaderId::kConnection, "upgrade");
  strip_hop_by_hop(headers, parsed.upgrade);

  parsed.keep_alive = start.minor_version == 1 ? !options.close : options.keep_alive && !options.close;
  if (start.method == "CONNECT") {
    if (body.chunked || body.has_length) return {400, "http1.body_in_connect"};
    parsed.framing = {Framing::Kind::kNone, 0};
  } else if (body.chunked) {
    parsed.framing = {Framing::Kind::kChunked, 0};
  } else if (body.length > 0) {
    parsed.framing = {Framing::Kind::kLength, body.length};
  } else {
    parsed.framing = {Framing::Kind::kNone, 0};
  }
  return {};
}

HeadError parse_response_head(std::string_view head, const HeadLimits& limits, bool to_head,
                              bool upgrade_asked, bool connect, HeaderMap& headers, ResponseHead& parsed) {
  headers.clear();
  auto rest = head;
  const auto line = next_line(rest);
  const auto digits = line.size() >= 12 ? line.substr(9, 3) : std::string_view{};
  const bool version_ok = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
  const bool digits_ok = digits.size() == 3 &&
                         digits.find_first_not_of("0123456789") == std::string_view::npos &&
                         digits[0] != '0' && (line.size() == 12 || line[12] == ' ');
  if (!version_ok || !digits_ok) return {502, "http1.invalid_status_line"};
  for (const char c : line) {
    if (!kValueByte[static_cast<unsigned char>(c)]) return {502, "http1.invalid_status_line"};
  }
  parsed.minor_version = line[7] == '1' ? 1 : 0;
  parsed.status = static_cast<uint16_t>((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
  headers.add(HeaderId::kStatus, digits);

  if (auto error = parse_fields(rest, limits, headers); error.failed()) return {502, error.detail};
  BodyFields body;
  if (auto error = read_body_fields(headers, parsed.minor_version, body); error.failed())
    return {502, error.detail};
  ConnectionOptions options;
  if (auto error = read_connection(headers, options); error.failed()) return {502, error.detail};
  parsed.keep_alive = parsed.minor_version == 1 ? !options.close : options.keep_alive && !options.close;

  const bool tunnel = (parsed.status == 101 && upgrade_asked) || (connect && parsed.status / 100 == 2);
  if (tunnel && parsed.status == 101) headers.set(HeaderId::kConnection, "upgrade");
  strip_hop_by_hop(headers, tunnel && parsed.status == 101);
  if (tunnel) {
    parsed.framing = {Framing::Kind::kTunnel, 0};
  } else if (parsed.status / 100 == 1 || parsed.status == 204) {
    if (body.chunked || body.has_length) {
      if (body.length > 0 || body.chunked) return {502, "http1.body_in_bodyless_response"};
      headers.remove(HeaderId::kContentLength);
    }
    parsed.framing = {Framing::Kind::kNone, 0};
  } else if (to_head || parsed.status == 304) {
    parsed.framing = {Framing::Kind::kNone, 0};
  } else if (body.chunked) {
    parsed.framing = {Framing::Kind::kChunked, 0};
  } else if (body.has_length) {
    parsed.framing = body.length > 0 ? Framing{Framing::Kind::kLength, body.length} : Framing{};
  } else {
    parsed.framing = {Framing::Kind::kUntilClose, 0};
  }
  return {};
}

HeadError parse_trailers(std::string_view section, const HeadLimits& limits, HeaderMap& trailers) {
  trailers.clear();
  if (auto error = parse_fields(section, limits, trailers); error.failed()) return error;
  for (const auto& field : trailers.fields()) {
    switch (field.id) {
      case HeaderId::kTransferEncoding:
      case HeaderId::kContentLength:
      case HeaderId::kHost:
      case HeaderId::kConnection:
      case HeaderId::kTrailer:
      case HeaderId::kTe: return {400, "http1.framing_field_in_trailers"};
      default: break;
    }
  }
  return {};
}

}  // namespace remora
