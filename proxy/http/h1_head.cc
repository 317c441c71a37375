#include "http/h1_head.h"

#include <array>
#include <cstring>

#include "core/text.h"
#include "http/h1_fields.h"
#include "http/syntax.h"

namespace remora {
namespace {

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
  if (!is_field_value(line)) return {502, "http1.invalid_status_line"};
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
