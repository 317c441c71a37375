#include "http/h1_fields.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/text.h"
#include "http/syntax.h"

namespace remora {
namespace {

constexpr std::string_view kSpaceTab = " \t";

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpaceTab);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaceTab) - first + 1);
}

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
  if (!is_field_value(value)) return {400, "http1.invalid_header_value"};
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

bool parse_length(std::string_view text, uint64_t& length) {
  if (text.empty() || text.size() > 19) return false;
  length = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    length = length * 10 + static_cast<uint64_t>(c - '0');
  }
  return length <= uint64_t{INT64_MAX};
}

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

}  // namespace

std::string_view next_line(std::string_view& rest) {
  const size_t end = rest.find("\r\n");
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

HeadError parse_fields(std::string_view rest, const HeadLimits& limits, HeaderMap& headers, Hosts* hosts) {
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

void keep_spellings(std::string_view head, const HeaderCase& rules, HeaderMap& headers) {
  if (!rules.preserve) return;
  headers.keep_spellings(rules.added);
  const auto start = next_line(head);
  constexpr size_t kBeforeReason = std::string_view("HTTP/1.1 200 ").size();
  if (rules.keep_reason && start.starts_with("HTTP/") && start.size() > kBeforeReason)
    headers.keep_reason(start.substr(kBeforeReason));
  for (auto line = next_line(head); !line.empty(); line = next_line(head))
    headers.keep_spelling(line.substr(0, line.find(':')));
}

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

}  // namespace remora
