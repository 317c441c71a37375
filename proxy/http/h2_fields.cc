#include <vector>

#include "http/h2_callbacks.h"

namespace remora {
namespace {

std::vector<nghttp2_nv>& fresh_fields() {
  thread_local std::vector<nghttp2_nv> fields;
  fields.clear();
  return fields;
}

void add(std::vector<nghttp2_nv>& fields, std::string_view name, std::string_view value,
         uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));  // nghttp2 copies; it is not const
  };
  fields.push_back({bytes(name), bytes(value), name.size(), value.size(), flags});
}

void add_regular(std::vector<nghttp2_nv>& fields, const HeaderMap& map) {
  for (const auto& field : map.fields()) {
    if (field.name.empty() || field.name[0] == ':' || is_connection_field(field)) continue;
    // A value that never comes again has no place in the table of those that do.
    const bool once = field.id == HeaderId::kXRequestId;
    add(fields, field.name, field.value, once ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
  }
}

std::string_view scheme_of(const HeaderMap& head) {
  const auto scheme = head.value_of(HeaderId::kScheme);
  if (!scheme.empty()) return scheme;
  return head.value_of(HeaderId::kXForwardedProto) == "https" ? "https" : "http";
}

}  // namespace

H2Fields h2_request_fields(const HeaderMap& head, bool upgrade) {
  auto& fields = fresh_fields();
  const bool connect = head.method() == "CONNECT";
  add(fields, ":method", upgrade ? "CONNECT" : head.method());
  if (!connect) {
    add(fields, ":scheme", scheme_of(head));
    add(fields, ":path", head.path());
  }
  add(fields, ":authority", head.authority());
  if (upgrade) add(fields, ":protocol", head.value_of(HeaderId::kUpgrade));
  add_regular(fields, head);
  return {fields.data(), fields.size()};
}

H2Fields h2_response_fields(const HeaderMap& head, bool upgrade) {
  auto& fields = fresh_fields();
  const bool switched = upgrade && head.value_of(HeaderId::kStatus) == "101";
  add(fields, ":status", switched ? "200" : head.value_of(HeaderId::kStatus));
  add_regular(fields, head);
  return {fields.data(), fields.size()};
}

H2Fields h2_trailer_fields(const HeaderMap& trailers) {
  auto& fields = fresh_fields();
  add_regular(fields, trailers);
  return {fields.data(), fields.size()};
}

}  // namespace remora
