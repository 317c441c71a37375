#include "jwt_authn/json.h"

#include <absl/strings/escaping.h>

#include <boost/json.hpp>
#include <utility>

namespace remora::filters {
namespace {

constexpr size_t kMaxDepth = 32;

MetadataValue to_value(const boost::json::value& json);

MetadataValue::Object to_object(const boost::json::object& members) {  // NOLINT: the parser bounds the depth
  MetadataValue::Object out;
  for (const auto& member : members) out[std::string(member.key())] = to_value(member.value());
  return out;
}

MetadataValue to_value(const boost::json::value& json) {  // NOLINT: as above
  MetadataValue out;
  switch (json.kind()) {
    case boost::json::kind::null: break;
    case boost::json::kind::bool_: out.value = json.get_bool(); break;
    case boost::json::kind::int64: out.value = static_cast<double>(json.get_int64()); break;
    case boost::json::kind::uint64: out.value = static_cast<double>(json.get_uint64()); break;
    case boost::json::kind::double_: out.value = json.get_double(); break;
    case boost::json::kind::string: out.value = std::string(json.get_string()); break;
    case boost::json::kind::array: {
      MetadataValue::List list;
      for (const auto& item : json.get_array()) list.push_back(to_value(item));
      out.value = std::move(list);
      break;
    }
    case boost::json::kind::object: out.value = to_object(json.get_object()); break;
  }
  return out;
}

}  // namespace

std::optional<MetadataValue::Object> parse_json_object(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::error_code error;
  const auto json = boost::json::parse({text.data(), text.size()}, error, {}, options);
  if (error || !json.is_object()) return std::nullopt;
  return to_object(json.get_object());
}

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string out;
  if (!absl::WebSafeBase64Unescape({text.data(), text.size()}, &out)) return std::nullopt;
  return out;
}

}  // namespace remora::filters
