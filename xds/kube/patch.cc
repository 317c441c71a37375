#include "kube/patch.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "kube/json_patch.h"
#include "kube/limits.h"
#include "kube/merge_patch.h"
#include "kube/strategic_merge.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

/// Kubernetes' own kinds; everything else is a custom resource there.
bool is_built_in(const store::Kind& kind) { return kind.group.empty() || kind.group == "apps"; }

Refusal does_not_apply(const std::string& why) {
  return {422, "Invalid", "the server rejected our request due to an error in our request: " + why, {}};
}

std::string_view media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return content_type;
}

Outcome<json::value> parse_body(std::string_view body) {
  if (body.size() > kMaxBodyBytes) {
    return too_large("limit is " + std::to_string(kMaxBodyBytes));
  }
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::value value = json::parse(body, error, {}, options);
  if (error) return bad_request("error decoding patch: " + error.message());
  return value;
}

}  // namespace

Outcome<PatchType> patch_type(const store::Kind& kind, std::string_view content_type) {
  const std::string_view type = media_type(content_type);
  if (type == "application/json-patch+json") return PatchType::kJson;
  if (type == "application/merge-patch+json") return PatchType::kMerge;
  if (type == "application/apply-patch+yaml") return PatchType::kApply;
  if (type == "application/strategic-merge-patch+json" && is_built_in(kind)) return PatchType::kStrategic;
  std::string types = "application/json-patch+json, application/merge-patch+json, ";
  if (is_built_in(kind)) types += "application/strategic-merge-patch+json, ";
  types += "application/apply-patch+yaml";
  return Refusal{415,
                 "UnsupportedMediaType",
                 "the body of the request was in an unknown format - accepted media types include: " + types,
                 {}};
}

Outcome<json::object> patch(const store::Kind& kind, const json::object& current, std::string_view body,
                            PatchType type) {
  auto parsed = parse_body(body);
  if (auto* refusal = std::get_if<Refusal>(&parsed)) return std::move(*refusal);
  const json::value& changes = std::get<json::value>(parsed);
  json::value result = current;
  Result<void> done;
  if (type == PatchType::kJson) {
    if (!changes.is_array()) return bad_request("error decoding patch: a JSON patch is a list of operations");
    if (changes.get_array().size() > kMaxPatchOperations) {
      return too_large("The allowed maximum operations in a JSON patch is " +
                       std::to_string(kMaxPatchOperations) + ", got " +
                       std::to_string(changes.get_array().size()));
    }
    done = json_patch(result, changes);
  } else {
    if (!changes.is_object()) return bad_request("error decoding patch: the patch must be an object");
    if (type == PatchType::kMerge) {
      merge_patch(result, changes);
    } else {
      done = strategic_merge(kind, result, changes);
    }
  }
  if (!done) return does_not_apply(done.error().message);
  if (!result.is_object()) return does_not_apply("the patch leaves no object");
  if (depth_of(result) > kMaxDepth) return does_not_apply("the result nests too deep");
  if (size_of(result) > kMaxBodyBytes) return too_large("the patched object would exceed the limit");
  return std::move(result.get_object());
}

}  // namespace remora::kube
