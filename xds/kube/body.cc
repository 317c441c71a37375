#include "kube/body.h"

#include <boost/json/parse.hpp>

#include "kube/limits.h"
#include "kube/protobuf_body.h"
#include "store/yaml.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

Outcome<json::object> parse_json(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::value value = json::parse({text.data(), text.size()}, error, {}, options);
  if (error) return bad_request("the body is no JSON that can be read: " + error.message());
  if (!value.is_object()) return bad_request("the body must be a JSON object");
  return std::move(value.as_object());
}

Outcome<json::object> parse_yaml(std::string_view text) {
  auto value = store::from_yaml(std::string(text));
  if (!value.ok()) return bad_request("the body is no YAML that can be read: " + value.error().message);
  if (!value->is_object()) return bad_request("the body must be a YAML map");
  if (depth_of(*value) > kMaxDepth) return bad_request("the body nests too deep");
  return std::move(value->as_object());
}

}  // namespace

Outcome<json::object> read_body(std::string_view body, std::string_view content_type) {
  if (body.size() > kMaxBodyBytes) return too_large("limit is " + std::to_string(kMaxBodyBytes));
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  if (type.empty() || type == "application/json") return parse_json(body);
  if (type == "application/yaml") return parse_yaml(body);
  if (type == "application/vnd.kubernetes.protobuf") return read_protobuf(body);
  return Refusal{415,
                 "UnsupportedMediaType",
                 "the body of the request was in an unknown format; accepted are application/json and "
                 "application/yaml",
                 {}};
}

}  // namespace remora::kube
