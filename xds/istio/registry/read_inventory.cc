#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>

#include "istio/registry/inventory.h"
#include "istio/text/scalar.h"

namespace remora::istio {
namespace {

namespace json = boost::json;

constexpr const char* kTlsModeLabel = "security.istio.io/tlsMode";
constexpr const char* kServiceLabel = "kubernetes.io/service-name";

const json::object& object_in(const json::object& parent, std::string_view name) {
  static const json::object kNone;
  const json::value* value = parent.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

const json::array& array_in(const json::object& parent, std::string_view name) {
  static const json::array kNone;
  const json::value* value = parent.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

std::string string_in(const json::object& parent, std::string_view name) {
  const json::value* value = parent.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Nothing where it is absent or null.
std::optional<bool> flag_in(const json::object& parent, std::string_view name) {
  const json::value* value = parent.if_contains(name);
  return value != nullptr && value->is_bool() ? std::optional(value->get_bool()) : std::nullopt;
}

std::optional<uint16_t> port_in(const json::object& parent, std::string_view name) {
  const json::value* value = parent.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  const int64_t number = value->get_int64();
  return number < 1 || number > 65535 ? std::nullopt : std::optional(static_cast<uint16_t>(number));
}

Labels labels_of(const json::object& metadata) {
  Labels labels;
  for (const auto& label : object_in(metadata, "labels")) {
    if (label.value().is_string()) labels.emplace(label.key(), std::string_view(label.value().get_string()));
  }
  return labels;
}

/// Hands each object of the list called `name` to `take`.
template <typename Take>
void each_object(const json::object& parent, std::string_view name, Take take) {
  for (const json::value& item : array_in(parent, name)) {
    if (item.is_object()) take(item.get_object());
  }
}

/// What an injector leaves behind: its annotation, or the container itself (a native sidecar is an init
/// container that goes on).
bool has_sidecar(const json::object& metadata, const json::object& spec) {
  if (object_in(metadata, "annotations").contains("sidecar.istio.io/status")) return true;
  bool found = false;
  each_object(spec, "containers",
              [&](const json::object& c) { found = found || string_in(c, "name") == "istio-proxy"; });
  each_object(spec, "initContainers", [&](const json::object& c) {
    found = found || (string_in(c, "name") == "istio-proxy" && string_in(c, "restartPolicy") == "Always");
  });
  return found;
}

/// The Deployment behind a ReplicaSet is called like it, without the hash of its template.
std::string workload_of(const json::object& metadata, const Pod& pod) {
  std::string owner;
  std::string kind;
  each_object(metadata, "ownerReferences", [&](const json::object& reference) {
    if (!flag_in(reference, "controller").value_or(false)) return;
    owner = string_in(reference, "name");
    kind = string_in(reference, "kind");
  });
  if (owner.empty()) return pod.name;
  const auto hash = pod.labels.find("pod-template-hash");
  if (kind != "ReplicaSet" || hash == pod.labels.end()) return owner;
  const std::string end = '-' + hash->second;
  return owner.ends_with(end) && owner.size() > end.size() ? owner.substr(0, owner.size() - end.size())
                                                           : owner;
}

void read_addresses(const json::object& status, Pod& pod) {
  const auto add = [&](std::string address) {
    if (is_ip_address(address) &&
        std::find(pod.addresses.begin(), pod.addresses.end(), address) == pod.addresses.end()) {
      pod.addresses.push_back(std::move(address));
    }
  };
  // The addresses of a Pod that has ended may be another's already.
  const std::string phase = string_in(status, "phase");
  if (phase == "Succeeded" || phase == "Failed") return;
  add(string_in(status, "podIP"));
  each_object(status, "podIPs", [&](const json::object& item) { add(string_in(item, "ip")); });
}

bool is_ready(const json::object& status) {
  bool ready = false;
  each_object(status, "conditions", [&](const json::object& condition) {
    if (string_in(condition, "type") == "Ready") ready = string_in(condition, "status") == "True";
  });
  return ready;
}

void read_entries(const json::object& item, std::vector<EndpointSlice::Entry>& entries) {
  EndpointSlice::Entry entry;
  // Nothing said about readiness means ready; what is terminating is never ready.
  entry.ready = flag_in(object_in(item, "conditions"), "ready").value_or(true);
  const json::object& target = object_in(item, "targetRef");
  if (string_in(target, "kind") == "Pod") entry.pod = string_in(target, "name");
  entry.node = string_in(item, "nodeName");
  entry.zone = string_in(item, "zone");
  for (const json::value& address : array_in(item, "addresses")) {
    if (!address.is_string() || !is_ip_address(std::string(address.get_string()))) continue;
    entry.address = address.get_string();
    entries.push_back(entry);
  }
}

}  // namespace

Pod read_pod(const json::object& object) {
  const json::object& metadata = object_in(object, "metadata");
  const json::object& spec = object_in(object, "spec");
  const json::object& status = object_in(object, "status");
  Pod pod;
  pod.ns = string_in(metadata, "namespace");
  pod.name = string_in(metadata, "name");
  pod.labels = labels_of(metadata);
  if (has_sidecar(metadata, spec)) pod.labels.emplace(kTlsModeLabel, "istio");
  pod.service_account = string_in(spec, "serviceAccountName");
  if (pod.service_account.empty()) pod.service_account = "default";  // as admission would
  pod.node = string_in(spec, "nodeName");
  const auto locality = pod.labels.find("istio-locality");
  if (locality != pod.labels.end()) {
    pod.locality = locality->second;
    std::replace(pod.locality.begin(), pod.locality.end(), '.', '/');  // labels cannot hold a slash
  }
  pod.workload = workload_of(metadata, pod);
  read_addresses(status, pod);
  pod.ready = is_ready(status) && !metadata.contains("deletionTimestamp");
  return pod;
}

EndpointSlice read_endpoint_slice(const json::object& object) {
  const json::object& metadata = object_in(object, "metadata");
  EndpointSlice slice;
  slice.service = {string_in(metadata, "namespace"), string_in(object_in(metadata, "labels"), kServiceLabel)};
  const std::string type = string_in(object, "addressType");
  slice.ipv6 = type == "IPv6";
  if (type != "IPv4" && type != "IPv6") return slice;  // names, which have no endpoints here
  each_object(object, "ports", [&](const json::object& item) {
    const auto number = port_in(item, "port");
    if (number) slice.ports.push_back({string_in(item, "name"), *number});
  });
  each_object(object, "endpoints", [&](const json::object& item) { read_entries(item, slice.entries); });
  return slice;
}

std::string read_node_locality(const json::object& object) {
  const Labels labels = labels_of(object_in(object, "metadata"));
  const auto first = [&](std::array<const char*, 2> names) -> std::string {
    for (const char* name : names) {
      const auto label = labels.find(name);
      if (label != labels.end()) return label->second;
    }
    return "";
  };
  const std::string region =
      first({"topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"});
  const std::string zone = first({"topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"});
  const std::string subzone = first({"topology.istio.io/subzone", "topology.istio.io/subzone"});
  if (!subzone.empty()) return region + '/' + zone + '/' + subzone;
  return zone.empty() ? region : region + '/' + zone;
}

}  // namespace remora::istio
