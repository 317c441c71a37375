#include <algorithm>
#include <iterator>

#include "client/resource_store.h"

namespace remora::xds {
namespace {

/// What an EDS cluster has before its endpoints came.
std::shared_ptr<const EndpointSet> no_endpoints(const std::string& name) {
  return std::make_shared<const EndpointSet>(EndpointSet{name, {}, 140});
}

/// What a listener has whose routes did not come in time: every request is answered 404.
std::shared_ptr<const RouteTable> no_routes(const std::string& name) {
  RouteConfig config;
  config.name = name;
  auto table = RouteTable::compile(std::move(config));
  return std::move(*table);
}

}  // namespace

ConfigBatch ResourceStore::take_batch() {
  ConfigBatch batch;
  add_secret_changes(batch);
  add_cluster_changes(batch);
  add_listener_changes(batch);
  std::ranges::move(virtual_hosts_.take_settled(), std::back_inserter(batch.settled));
  return batch;
}

void ResourceStore::add_secret_changes(ConfigBatch& batch) {
  auto& table = secrets_.table();
  for (const std::string& key : table.take_changed()) {
    batch.secrets.push_back(table.value_of(key));
    delivered_secrets_.insert(key);
  }
  for (const std::string& key : table.take_dropped()) {
    if (delivered_secrets_.erase(key) > 0) batch.removed_secrets.push_back(key);
  }
}

void ResourceStore::add_cluster_changes(ConfigBatch& batch) {
  auto changes = clusters_.take_changes();
  std::ranges::move(changes.timed_out, std::back_inserter(timed_out_.clusters));
  for (const std::string& name : changes.activated) {
    const auto& cluster = clusters_.find(name)->active->parent;
    auto endpoints = cluster.source ? endpoints_.value_of(cluster.endpoints_key) : cluster.endpoints;
    if (!endpoints) endpoints = no_endpoints(endpoints_name(*cluster.config));
    batch.clusters.push_back({cluster.config, std::move(endpoints)});
  }
  for (const std::string& key : endpoints_.take_changed()) {
    const auto* entry = endpoints_.find(key);
    entry->users.each([&](const std::string& name) {
      const auto* parent = clusters_.find(name);
      const bool uses = parent->active && parent->active->parent.endpoints_key == key;
      if (uses && !changes.activated.contains(name)) batch.endpoints.emplace_back(name, entry->value);
    });
  }
  endpoints_.take_dropped();  // they go with their clusters
  batch.removed_clusters.assign(changes.removed.begin(), changes.removed.end());
}

void ResourceStore::add_listener_changes(ConfigBatch& batch) {
  auto changes = listeners_.take_changes();
  std::ranges::move(changes.timed_out, std::back_inserter(timed_out_.listeners));
  std::set<std::string> tables = routes_.take_changed();
  for (const std::string& name : changes.activated) {
    const auto& listener = listeners_.find(name)->active->parent;
    batch.listeners.push_back(listener.config);
    for (const auto& routes : listener.routes) {
      if (!delivered_routes_.contains(routes.key)) tables.insert(routes.key);
    }
  }
  for (const std::string& name : tables) {
    const auto table = routes_.value_of(name);
    batch.routes.emplace_back(name, table ? table : no_routes(name));
    delivered_routes_.insert(name);
  }
  extensions_.table().take_changed();  // they are in their listeners
  extensions_.table().take_dropped();
  for (const std::string& name : routes_.take_dropped()) {
    if (delivered_routes_.erase(name) > 0) batch.removed_routes.push_back(name);
  }
  batch.removed_listeners.assign(changes.removed.begin(), changes.removed.end());
}

}  // namespace remora::xds
