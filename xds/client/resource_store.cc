#include "client/resource_store.h"

#include <algorithm>

#include "client/log.h"

namespace remora::xds {
namespace {

using google::protobuf::Message;

template <typename Set>
const ResourceRecord* latest_of(const Set& set, const std::string& name) {
  const auto* entry = set.find(name);
  if (entry == nullptr) return nullptr;
  if (entry->warming) return &entry->warming->record;
  return entry->active ? &entry->active->record : nullptr;
}

template <typename Table>
const ResourceRecord* latest_child_of(const Table& table, const std::string& name) {
  const auto* child = table.find(name);
  return child != nullptr && child->record ? &*child->record : nullptr;
}

}  // namespace

ResourceStore::ResourceStore(const Environment& environment)
    : environment_(environment),
      warnings_([](const std::string& line) { log(LogLevel::kWarning, line); }),
      secrets_(environment_),
      extensions_(environment_.stats) {
  std::ranges::fill(keys_limit_, kFirstKeysLimit);
  environment_.unknown_fields = &unknown_fields_;
  environment_.has_cluster = [this](const std::string& name) {
    return latest_of(clusters_, name) != nullptr;
  };
  environment_.has_static_secret = [this](const std::string& name) {
    return secrets_.table().find(static_secret_key(name)) != nullptr;
  };
}

void ResourceStore::add_static(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                               const StaticResources& resources, MonotonicTime now, WallTime wall) {
  const auto record = [&](const Message& source) { return ResourceRecord{PackedResource(source), {}, wall}; };
  const auto& source = bootstrap.static_resources();
  for (const auto& secret : resources.secrets)
    secrets_.add_static(record(source.secrets(secret.index)), secret.translated);
  for (const auto& [index, translated] : resources.clusters) {
    const std::string& name = source.clusters(index).name();
    if (translated.complete()) {
      clusters_.preset(name, {record(source.clusters(index)), translated, {}});
      continue;
    }
    offer(name, record(source.clusters(index)), translated, now);
    clusters_.mark_static(name);
  }
  for (const auto& [index, translated] : resources.listeners) {
    const std::string& name = translated.config->name;
    if (translated.complete()) {
      listeners_.preset(name, {record(source.listeners(index)), translated, {}});
      continue;
    }
    offer(name, record(source.listeners(index)), translated, now);
    listeners_.mark_static(name);
  }
}

const ResourceRecord* ResourceStore::latest(ResourceType type, const std::string& key) const {
  switch (type) {
    case ResourceType::kClusters: return latest_of(clusters_, key);
    case ResourceType::kEndpoints: return latest_child_of(endpoints_, key);
    case ResourceType::kListeners: return latest_of(listeners_, key);
    case ResourceType::kSecrets: return latest_child_of(secrets_.table(), key);
    case ResourceType::kVirtualHosts: return nullptr;
    case ResourceType::kExtensions: return latest_child_of(extensions_.table(), key);
    default: return latest_child_of(routes_, key);
  }
}

std::string ResourceStore::version_of(ResourceType type, const std::string& name,
                                      const std::string& source) const {
  if (type == ResourceType::kVirtualHosts) {
    const ResourceRecord* record = virtual_hosts_.record_of(name, source);
    return record == nullptr ? std::string() : record->version;
  }
  const ResourceRecord* record = latest(type, is_whole_set(type) ? name : resource_key(name, source));
  return record == nullptr ? std::string() : record->version;
}

bool ResourceStore::is_static(ResourceType type, const std::string& name) const {
  const auto check = [&](const auto& set) {
    const auto* entry = set.find(name);
    return entry != nullptr && entry->is_static;
  };
  if (type == ResourceType::kClusters) return check(clusters_);
  return type == ResourceType::kListeners && check(listeners_);
}

void ResourceStore::set_demanded(const std::string& cluster, bool demanded) {
  if (demanded) {
    demanded_clusters_.insert(cluster);
  } else {
    demanded_clusters_.erase(cluster);
  }
}

void ResourceStore::expire(MonotonicTime now) {
  clusters_.expire(now);
  listeners_.expire(now);
}

MonotonicTime ResourceStore::next_deadline() const {
  return std::min(clusters_.next_deadline(), listeners_.next_deadline());
}

std::vector<std::string> ResourceStore::wanted(ResourceType type) const {
  std::vector<std::string> names;
  if (type == ResourceType::kEndpoints) {
    for (const auto& [name, child] : endpoints_.entries()) names.push_back(name);
  } else if (type == ResourceType::kRoutes) {
    for (const auto& [name, child] : routes_.entries()) names.push_back(name);
  } else if (type == ResourceType::kSecrets) {
    return secrets_.ads_names();
  } else if (type == ResourceType::kExtensions) {
    for (const auto& [name, child] : extensions_.table().entries()) names.push_back(name);
  }
  return names;
}

std::vector<ResourceStore::Touched> ResourceStore::take_touched(ResourceType type) {
  std::vector<Touched> out;
  const auto add = [&](const std::set<std::string>& keys, const auto& table) {
    for (const std::string& key : keys) {
      Origin origin = origin_of(type, key);
      const bool is_wanted = table.find(key) != nullptr;
      if (!is_wanted) origins_[index_of(type)].erase(key);
      out.push_back({std::move(origin.name), std::move(origin.source), is_wanted});
    }
  };
  if (type == ResourceType::kEndpoints) add(endpoints_.take_touched(), endpoints_);
  if (type == ResourceType::kExtensions) add(extensions_.table().take_touched(), extensions_.table());
  if (type == ResourceType::kRoutes) {
    const std::set<std::string> keys = routes_.take_touched();
    for (const std::string& key : keys) {
      if (routes_.find(key) == nullptr) virtual_hosts_.release(key);
    }
    add(keys, routes_);
  }
  if (type == ResourceType::kVirtualHosts) {
    for (auto& [name, source, is_wanted] : virtual_hosts_.take_touched())
      out.push_back({std::move(name), std::move(source), is_wanted});
  }
  if (type != ResourceType::kSecrets) return out;
  for (const std::string& name : secrets_.take_touched())
    out.push_back({name, nullptr, secrets_.table().find(ads_secret_key(name)) != nullptr});
  return out;
}

size_t ResourceStore::refused_count(ResourceType type) const {
  switch (type) {
    case ResourceType::kClusters: return clusters_.refused_count();
    case ResourceType::kEndpoints: return endpoints_.refused_count();
    case ResourceType::kListeners: return listeners_.refused_count();
    case ResourceType::kRoutes: return routes_.refused_count();
    case ResourceType::kSecrets: return secrets_.table().refused_count();
    case ResourceType::kVirtualHosts: return virtual_hosts_.refused_count();
    case ResourceType::kExtensions: return extensions_.table().refused_count();
  }
  return 0;
}

}  // namespace remora::xds
