#include "inject/workloads.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <string_view>
#include <vector>

#include "inject/json_access.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

/// Where the template stands in each kind that has one.
const std::vector<std::string_view>* path_of(std::string_view kind) {
  static const std::vector<std::string_view> kItself;
  static const std::vector<std::string_view> kTemplate{"spec", "template"};
  static const std::vector<std::string_view> kJobTemplate{"spec", "jobTemplate", "spec", "template"};
  static const std::map<std::string_view, const std::vector<std::string_view>*> kPaths{
      {"Pod", &kItself},         {"Deployment", &kTemplate}, {"StatefulSet", &kTemplate},
      {"DaemonSet", &kTemplate}, {"ReplicaSet", &kTemplate}, {"ReplicationController", &kTemplate},
      {"Job", &kTemplate},       {"CronJob", &kJobTemplate}};
  const auto found = kPaths.find(kind);
  return found == kPaths.end() ? nullptr : found->second;
}

json::object* walk(json::object& object, const std::vector<std::string_view>& path) {
  json::object* at = &object;
  for (const std::string_view name : path) {
    if (find_object(*at, name) == nullptr) return nullptr;
    at = &object_in(*at, name);
  }
  return at;
}

}  // namespace

bool visit_pods(json::object& object,
                const std::function<void(json::object&, const std::string&, const std::string&)>& take) {
  const std::string kind = find_text(object, "kind");
  if (kind.ends_with("List") && find_array(object, "items") != nullptr) {
    bool any = false;
    for (json::value& item : array_in(object, "items")) {
      if (item.is_object()) any = visit_pods(item.get_object(), take) || any;
    }
    return any;
  }
  const auto* path = path_of(kind);
  json::object* pod = path == nullptr ? nullptr : walk(object, *path);
  if (pod == nullptr) return false;
  const std::string name = text_below(object, "metadata", "name");
  take(*pod, kind == "Pod" ? "" : name, kind + '/' + name);
  return true;
}

}  // namespace remora::inject
