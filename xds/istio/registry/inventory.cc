#include "istio/registry/inventory.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace remora::istio {
namespace {

/// How services_by_target_ names what an entry leads to. A Pod's name holds no slash, an address no slash.
std::string target_of(const EndpointSlice& slice, const EndpointSlice::Entry& entry) {
  return entry.pod.empty() ? entry.address : slice.service.first + '/' + entry.pod;
}

ObjectName name_of(const boost::json::object& object) {
  ObjectName name;
  const auto* metadata = object.if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return name;
  const auto read = [&](const char* field, std::string& out) {
    const auto* value = metadata->get_object().if_contains(field);
    if (value != nullptr && value->is_string()) out = value->get_string();
  };
  read("namespace", name.first);
  read("name", name.second);
  return name;
}

}  // namespace

void Inventory::put(Kind kind, const boost::json::object& object) {
  switch (kind) {
    case Kind::kPod: return put_pod(std::make_shared<const Pod>(read_pod(object)));
    case Kind::kEndpointSlice: return put_slice(name_of(object), read_endpoint_slice(object));
    case Kind::kNode: return put_node(name_of(object).second, read_node_locality(object));
  }
}

void Inventory::remove(Kind kind, const std::string& ns, const std::string& name) {
  switch (kind) {
    case Kind::kPod: return remove_pod({ns, name});
    case Kind::kEndpointSlice: return remove_slice({ns, name});
    case Kind::kNode: return put_node(name, "");
  }
}

void Inventory::retain(Kind kind, const std::set<ObjectName>& names) {
  std::vector<ObjectName> gone;
  const auto collect = [&](const auto& known) {
    for (const auto& entry : known) {
      if (!names.contains(entry.first)) gone.push_back(entry.first);
    }
  };
  if (kind == Kind::kPod) collect(pods_);
  if (kind == Kind::kEndpointSlice) collect(service_of_slice_);
  if (kind == Kind::kNode) {
    for (const auto& entry : nodes_) {
      if (!names.contains({"", entry.first})) gone.emplace_back("", entry.first);
    }
  }
  for (const ObjectName& name : gone) remove(kind, name.first, name.second);
}

void Inventory::put_pod(PodPtr pod) {
  PodPtr& known = pods_[{pod->ns, pod->name}];
  if (known != nullptr && *known == *pod) return;
  const PodPtr before = std::exchange(known, pod);
  if (before != nullptr) {
    for (const std::string& address : before->addresses) {
      const auto place = pod_by_address_.find(address);
      if (place != pod_by_address_.end() && place->second == before) pod_by_address_.erase(place);
    }
    pod_changed(before);
  }
  for (const std::string& address : pod->addresses) pod_by_address_[address] = pod;
  pod_changed(pod);
}

void Inventory::remove_pod(const ObjectName& name) {
  const auto place = pods_.find(name);
  if (place == pods_.end()) return;
  const PodPtr pod = place->second;
  pods_.erase(place);
  for (const std::string& address : pod->addresses) {
    const auto owner = pod_by_address_.find(address);
    if (owner != pod_by_address_.end() && owner->second == pod) pod_by_address_.erase(owner);
  }
  pod_changed(pod);
}

void Inventory::pod_changed(const PodPtr& pod) {
  changed([&](Changes& changes) {
    changes.pods.push_back(pod);
    const auto concern = [&](const std::string& target) {
      const auto services = services_by_target_.find(target);
      if (services == services_by_target_.end()) return;
      for (const auto& service : services->second) changes.services.insert(service.first);
    };
    concern(pod->ns + '/' + pod->name);
    for (const std::string& address : pod->addresses) concern(address);
  });
}

void Inventory::put_slice(const ObjectName& name, EndpointSlice slice) {
  const auto owner = service_of_slice_.find(name);
  if (owner != service_of_slice_.end()) {
    if (owner->second == slice.service && slices_[slice.service][name.second] == slice) return;
    remove_slice(name);
  }
  if (slice.service.second.empty()) return;  // it is nobody's
  index_slice(slice, 1);
  service_of_slice_[name] = slice.service;
  changed([&](Changes& changes) { changes.services.insert(slice.service); });
  slices_[slice.service][name.second] = std::move(slice);
}

void Inventory::remove_slice(const ObjectName& name) {
  const auto owner = service_of_slice_.find(name);
  if (owner == service_of_slice_.end()) return;
  const ObjectName service = owner->second;
  service_of_slice_.erase(owner);
  const auto slices = slices_.find(service);
  const auto slice = slices->second.find(name.second);
  index_slice(slice->second, -1);
  slices->second.erase(slice);
  if (slices->second.empty()) slices_.erase(slices);
  changed([&](Changes& changes) { changes.services.insert(service); });
}

/// Counts the slice's targets in (+1) or out (-1).
void Inventory::index_slice(const EndpointSlice& slice, int step) {
  for (const EndpointSlice::Entry& entry : slice.entries) {
    const std::string target = target_of(slice, entry);
    auto& services = services_by_target_[target];
    if ((services[slice.service] += step) == 0) services.erase(slice.service);
    if (services.empty()) services_by_target_.erase(target);
  }
}

void Inventory::put_node(const std::string& name, std::string locality) {
  if (locality_of_node(name) == locality) return;
  if (locality.empty()) {
    nodes_.erase(name);
  } else {
    nodes_[name] = std::move(locality);
  }
  for (const auto& entry : pods_) {
    if (entry.second->node == name) pod_changed(entry.second);
  }
}

const Inventory::Slices* Inventory::slices_of(const ObjectName& service) const {
  const auto slices = slices_.find(service);
  return slices == slices_.end() ? nullptr : &slices->second;
}

PodPtr Inventory::find_pod(const ObjectName& name) const {
  const auto pod = pods_.find(name);
  return pod == pods_.end() ? nullptr : pod->second;
}

PodPtr Inventory::pod_at(const std::string& address) const {
  const auto pod = pod_by_address_.find(address);
  return pod == pod_by_address_.end() ? nullptr : pod->second;
}

std::string Inventory::locality_of_node(const std::string& node) const {
  const auto place = nodes_.find(node);
  return place == nodes_.end() ? "" : place->second;
}

void Inventory::changed(const std::function<void(Changes&)>& note) {
  const bool first = changes_.empty();
  note(changes_);
  if (first && !changes_.empty() && on_change_) on_change_();
}

}  // namespace remora::istio
