#include "client/subscription_stats.h"

#include "client/log.h"

namespace remora::xds {
namespace {

/// Of the connection manager that takes these routes.
std::string stat_prefix_of(const ListenerSet::Entry& entry, const std::string& routes) {
  for (const auto* version : {&entry.active, &entry.warming}) {
    if (!*version) continue;
    for (const auto& candidate : (*version)->parent.routes) {
      if (candidate.key == routes) return candidate.stat_prefix;
    }
  }
  return {};
}

}  // namespace

SubscriptionStats::SubscriptionStats(ResourceStore& store, StatsStore& stats)
    : store_(store),
      stats_store_(stats),
      source_(stats) {}

void SubscriptionStats::follow_all(ResourceType type, ScopeName name) {
  UpdateStats& stats = whole_sets_[index_of(type)];
  stats = UpdateStats(stats_store_, std::move(name));
  stats.attempt();
}

void SubscriptionStats::failure(ResourceType type, const std::string& source) {
  if (is_whole_set(type)) {
    if (UpdateStats& stats = whole_sets_[index_of(type)]) stats.failure();
    return;
  }
  if (type == ResourceType::kExtensions) {
    for (const auto& [key, entry] : store_.extensions().table().entries()) {
      if (store_.origin_of(type, key).source_key() == source)
        store_.extensions().stats(key)->updates().failure();
    }
  }
  for (auto& [names, stats] : child_stats_[index_of(type)]) {
    if (store_.origin_of(type, names.second).source_key() == source) stats.failure();
  }
  if (type != ResourceType::kSecrets || !source.empty()) return;
  for (const std::string& name : store_.wanted(ResourceType::kSecrets)) {
    if (UpdateStats& stats = store_.secrets().stats(ads_secret_key(name))) stats.failure();
  }
}

void SubscriptionStats::fetch_timeout(ResourceType type) {
  if (UpdateStats& stats = whole_sets_[index_of(type)]) stats.fetch_timeout();
}

void SubscriptionStats::refresh() {
  source_.warming(store_.clusters().warming_count(), store_.listeners().warming_count());
  source_.unknown_fields(store_.unknown_fields());
  for (const ResourceType type : kResourceTypes) source_.refused(type, store_.refused_count(type));
}

void SubscriptionStats::forget(ResourceType type, const std::vector<std::string>& parents) {
  auto& stats = child_stats_[index_of(type)];
  for (const std::string& parent : parents) {
    auto found = stats.lower_bound({parent, {}});
    while (found != stats.end() && found->first.first == parent) found = stats.erase(found);
  }
}

void SubscriptionStats::count_timeouts(const ResourceStore::TimedOut& timed_out) {
  for (const auto& [name, need] : timed_out.clusters) count_timeout(name, need);
  for (const auto& [name, need] : timed_out.listeners) count_timeout(name, need);
}

void SubscriptionStats::count_timeout(const std::string& parent, const NeedKey& need) {
  switch (need.kind) {
    case NeedKind::kEndpoints:
      log(LogLevel::kWarning, "the endpoints of cluster '" + parent + "' did not come in time: it is empty");
      return child_stats(ResourceType::kEndpoints, parent, need.name).fetch_timeout();
    case NeedKind::kRoutes:
      log(LogLevel::kWarning, "the routes of listener '" + parent + "' did not come in time: it answers 404");
      return child_stats(ResourceType::kRoutes, parent, need.name).fetch_timeout();
    case NeedKind::kExtension:
      log(LogLevel::kWarning, "the configuration of the filter '" + need.name +
                                  "' did not come in time: listener '" + parent + "' goes on without");
      if (ExtensionStats* stats = store_.extensions().stats(need.name)) {
        stats->updates().fetch_timeout();
        stats->failed();
      }
      return;
    case NeedKind::kSecret:
      log(LogLevel::kWarning, "the secret '" + need.name + "' did not come in time: connections of '" +
                                  parent + "' that need it are closed");
      if (UpdateStats& stats = store_.secrets().stats(need.name)) stats.fetch_timeout();
  }
}

void SubscriptionStats::count(ResourceType type, const UpdateResult& result, const std::string& version,
                              const std::string& source) {
  if (is_whole_set(type)) {
    UpdateStats& stats = whole_sets_[index_of(type)];
    if (!stats) return;
    if (result.ok()) {
      stats.success(version);
    } else {
      stats.rejected();
    }
    return;
  }
  if (type == ResourceType::kVirtualHosts) return count_virtual_hosts(result, version, source);
  for (const std::string& name : result.accepted) {
    each_child_stats(type, resource_key(name, source), [&](UpdateStats& stats) { stats.success(version); });
  }
  for (const std::string& name : result.refused) {
    each_child_stats(type, resource_key(name, source), [](UpdateStats& stats) { stats.rejected(); });
    if (type != ResourceType::kExtensions) continue;
    if (ExtensionStats* stats = store_.extensions().stats(resource_key(name, source))) stats->failed();
  }
}

/// One subscription for each table.
void SubscriptionStats::count_virtual_hosts(const UpdateResult& result, const std::string& version,
                                            const std::string& source) {
  std::map<std::string, bool> tables;  // whether something of it was refused
  for (const std::string& name : result.accepted) tables.emplace(table_of(name), false);
  for (const std::string& name : result.refused) tables[std::string(table_of(name))] = true;
  for (const auto& [table, is_refused] : tables) {
    for (const std::string& key : store_.virtual_hosts().keys_of(table, source)) {
      each_child_stats(ResourceType::kVirtualHosts, key, [&, refused = is_refused](UpdateStats& stats) {
        if (refused) return stats.rejected();
        stats.success(version);
      });
    }
  }
}

template <typename Call>
void SubscriptionStats::each_child_stats(ResourceType type, const std::string& child, Call call) {
  if (type == ResourceType::kSecrets) {
    if (UpdateStats& stats = store_.secrets().stats(child)) call(stats);
    return;
  }
  if (type == ResourceType::kExtensions) {
    if (ExtensionStats* stats = store_.extensions().stats(child)) call(stats->updates());
    return;
  }
  const auto visit = [&](const auto& table) {
    const auto* entry = table.find(child);
    if (entry == nullptr) return;
    entry->users.each([&](const std::string& parent) { call(child_stats(type, parent, child)); });
  };
  if (type == ResourceType::kEndpoints) {
    visit(store_.endpoints());
  } else {
    visit(store_.routes());
  }
}

UpdateStats& SubscriptionStats::child_stats(ResourceType type, const std::string& parent,
                                            const std::string& child) {
  UpdateStats& stats = child_stats_[index_of(type)][{parent, child}];
  if (stats) return stats;
  if (type == ResourceType::kEndpoints) {
    const auto* entry = store_.clusters().find(parent);
    const auto& version = entry->active ? entry->active : entry->warming;
    stats = UpdateStats(stats_store_, UpdateStats::endpoints(cluster_stat_name(*version->parent.config)));
  } else {
    const std::string prefix = stat_prefix_of(*store_.listeners().find(parent), child);
    const std::string table = store_.origin_of(ResourceType::kRoutes, child).name;
    stats =
        UpdateStats(stats_store_, type == ResourceType::kRoutes ? UpdateStats::routes(prefix, table)
                                                                : UpdateStats::virtual_hosts(prefix, table));
  }
  stats.attempt();
  return stats;
}

}  // namespace remora::xds
