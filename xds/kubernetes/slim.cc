#include "kubernetes/slim.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <initializer_list>
#include <string_view>

namespace remora::kubernetes {
namespace {

namespace json = boost::json;
using Names = std::initializer_list<std::string_view>;

json::object only(const json::object& from, Names names) {
  json::object out(from.storage());
  for (const std::string_view name : names) {
    if (const json::value* value = from.if_contains(name)) out.emplace(name, *value);
  }
  return out;
}

/// Of the map at `name`, only these fields; nothing where there is no such map.
void take_part(const json::object& from, std::string_view name, json::object& to, Names names) {
  const json::value* value = from.if_contains(name);
  if (value != nullptr && value->is_object()) to.emplace(name, only(value->get_object(), names));
}

/// The same of every map in the list at `name`.
void take_each(const json::object& from, std::string_view name, json::object& to, Names names) {
  const json::value* value = from.if_contains(name);
  if (value == nullptr || !value->is_array()) return;
  json::array list(to.storage());
  for (const json::value& item : value->get_array()) {
    if (item.is_object()) list.emplace_back(only(item.get_object(), names));
  }
  to.emplace(name, std::move(list));
}

/// Annotations are everybody's, and can be long; ours and Istio's steer something.
void take_annotations(const json::object& from, json::object& to) {
  const json::value* value = from.if_contains("annotations");
  if (value == nullptr || !value->is_object()) return;
  json::object kept(to.storage());
  for (const auto& annotation : value->get_object()) {
    const std::string_view name = annotation.key();
    const bool counts = name.find("istio.io/") != std::string_view::npos || name.starts_with("remora");
    if (counts && name != "sidecar.istio.io/status") kept.emplace(name, annotation.value());
    // That it is there says that there is a sidecar; what it says is long, and its author's business.
    if (name == "sidecar.istio.io/status") kept.emplace(name, "{}");
  }
  if (!kept.empty()) to.emplace("annotations", std::move(kept));
}

const json::object& part(const json::object& from, std::string_view name) {
  static const json::object kNone;
  const json::value* value = from.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

}  // namespace

json::object slim_pod(const json::object& whole) {
  json::object pod = only(whole, {"apiVersion", "kind"});
  const json::object& meta = part(whole, "metadata");
  json::object metadata = only(meta, {"name", "namespace", "uid", "resourceVersion", "creationTimestamp",
                                      "deletionTimestamp", "labels"});
  take_annotations(meta, metadata);
  take_each(meta, "ownerReferences", metadata, {"kind", "name", "controller"});
  const json::object& wanted = part(whole, "spec");
  json::object spec = only(wanted, {"serviceAccountName", "nodeName", "hostNetwork"});
  take_each(wanted, "containers", spec, {"name", "ports"});
  take_each(wanted, "initContainers", spec, {"name", "restartPolicy"});
  const json::object& seen = part(whole, "status");
  json::object status = only(seen, {"phase", "podIP", "podIPs"});
  take_each(seen, "conditions", status, {"type", "status"});
  pod.emplace("metadata", std::move(metadata));
  pod.emplace("spec", std::move(spec));
  pod.emplace("status", std::move(status));
  return pod;
}

json::object slim_node(const json::object& whole) {
  json::object node = only(whole, {"apiVersion", "kind"});
  take_part(whole, "metadata", node, {"name", "uid", "resourceVersion", "labels"});
  return node;
}

json::object slim_endpoint_slice(const json::object& whole) {
  json::object slice = only(whole, {"apiVersion", "kind", "addressType"});
  take_part(whole, "metadata", slice, {"name", "namespace", "uid", "resourceVersion", "labels"});
  for (const char* name : {"ports", "endpoints"}) {
    if (const json::value* value = whole.if_contains(name)) slice.emplace(name, *value);
  }
  return slice;
}

}  // namespace remora::kubernetes
