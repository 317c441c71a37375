#include "client/resource_store.h"

namespace remora::xds {
namespace {

/// What an EDS cluster has before its endpoints came.
std::shared_ptr<const EndpointSet> no_endpoints(const std::string& name) {
  return std::make_shared<const EndpointSet>(EndpointSet{name, {}, {}, 140});
}

/// What a listener has whose routes did not come in time: every request is answered 404.
std::shared_ptr<const RouteTable> no_routes(const std::string& name) {
  RouteConfig config;
  config.name = name;
  auto table = RouteTable::compile(std::move(config));
  return std::move(*table);
}

template <typename Set>
auto value_of(const Set& set, const std::string& child) {
  const auto* entry = set.find_child(child);
  return entry == nullptr ? nullptr : entry->value;
}

}  // namespace

ConfigBatch ResourceStore::take_batch() {
  ConfigBatch batch;
  add_cluster_changes(batch);
  add_listener_changes(batch);
  return batch;
}

void ResourceStore::add_cluster_changes(ConfigBatch& batch) {
  const auto changes = clusters_.take_changes();
  timed_out_.clusters.insert(timed_out_.clusters.end(), changes.timed_out.begin(), changes.timed_out.end());
  for (const std::string& name : changes.activated) {
    const auto& active = *clusters_.find(name)->active;
    auto endpoints = active.child.empty() ? active.parent.endpoints : value_of(clusters_, active.child);
    if (!endpoints) endpoints = no_endpoints(active.child);
    batch.clusters.push_back({active.parent.config, std::move(endpoints)});
  }
  for (const std::string& child : changes.changed_children) {
    const auto* entry = clusters_.find_child(child);
    for (const std::string& name : entry->parents) {
      const auto* parent = clusters_.find(name);
      const bool uses = parent->active && parent->active->child == child;
      if (uses && !changes.activated.contains(name)) batch.endpoints.emplace_back(name, entry->value);
    }
  }
  batch.removed_clusters.assign(changes.removed.begin(), changes.removed.end());
}

void ResourceStore::add_listener_changes(ConfigBatch& batch) {
  const auto changes = listeners_.take_changes();
  timed_out_.listeners.insert(timed_out_.listeners.end(), changes.timed_out.begin(), changes.timed_out.end());
  std::set<std::string> tables = changes.changed_children;
  for (const std::string& name : changes.activated) {
    const auto& active = *listeners_.find(name)->active;
    batch.listeners.push_back(active.parent.config);
    if (!active.child.empty() && !delivered_routes_.contains(active.child)) tables.insert(active.child);
  }
  for (const std::string& name : tables) {
    const auto table = value_of(listeners_, name);
    batch.routes.emplace_back(name, table ? table : no_routes(name));
    delivered_routes_.insert(name);
  }
  for (const std::string& name : changes.dropped_children) {
    if (delivered_routes_.erase(name) > 0) batch.removed_routes.push_back(name);
  }
  batch.removed_listeners.assign(changes.removed.begin(), changes.removed.end());
}

}  // namespace remora::xds
