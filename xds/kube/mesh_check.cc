#include "kube/mesh_check.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "istio/model/resource.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

constexpr size_t kShownValue = 100;

bool is_read_by_mesh(const store::Kind& kind) {
  return kind.group == "networking.istio.io" || kind.group == "flagger.app" || kind.group == "apps" ||
         kind.type() == "services";
}

/// The next step of a path: ".name" or "[3]".
const json::value* step(const json::value* at, std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  if (path.starts_with('[')) {
    size_t index = 0;
    const auto [end, error] = std::from_chars(path.data() + 1, path.data() + path.size(), index);
    path.remove_prefix(std::min(static_cast<size_t>(end - path.data()) + 1, path.size()));
    const json::array* list = at->if_array();
    return error == std::errc() && list != nullptr && index < list->size() ? &(*list)[index] : nullptr;
  }
  const std::string_view name = path.substr(0, path.find_first_of(".["));
  path.remove_prefix(name.size());
  const json::object* map = at->if_object();
  return map != nullptr ? map->if_contains(name) : nullptr;
}

const json::value* value_at_path(const json::object& object, std::string_view path) {
  const std::string_view first = path.substr(0, path.find_first_of(".["));
  const json::value* at = object.if_contains(first);
  path.remove_prefix(first.size());
  while (at != nullptr && !path.empty()) at = step(at, path);
  return at;
}

/// In Kubernetes' words: what is wrong with which value.
Cause to_cause(const istio::Diagnostic& finding, const json::object& object) {
  const json::value* value = finding.path.empty() ? nullptr : value_at_path(object, finding.path);
  if (value == nullptr) {
    if (finding.message == "is required") return {"FieldValueRequired", "Required value", finding.path};
    return {"FieldValueInvalid", "Invalid value: " + finding.message, finding.path};
  }
  std::string shown = json::serialize(*value);
  if (shown.size() > kShownValue) shown = shown.substr(0, kShownValue) + "...";
  return {"FieldValueInvalid", "Invalid value: " + shown + ": " + finding.message, finding.path};
}

}  // namespace

MeshFindings check_for_mesh(const store::Kind& kind, const json::object& object) {
  if (!is_read_by_mesh(kind)) return {};
  MeshFindings out;
  for (const auto& finding : istio::parse_file("", json::serialize(object)).findings) {
    if (finding.severity == istio::Severity::kError) {
      out.errors.push_back(to_cause(finding, object));
    } else {
      out.warnings.push_back(finding.path.empty() ? finding.message : finding.path + ": " + finding.message);
    }
  }
  return out;
}

}  // namespace remora::kube
