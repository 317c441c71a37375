#include "client/resource_store.h"

#include "translate/content_hash.h"
#include "translate/endpoint.h"
#include "translate/route.h"

namespace remora::xds {
namespace {

using google::protobuf::Any;
using google::protobuf::Message;

std::unique_ptr<Message> make(ResourceType type) {
  switch (type) {
    case ResourceType::kClusters: return std::make_unique<envoy::config::cluster::v3::Cluster>();
    case ResourceType::kEndpoints:
      return std::make_unique<envoy::config::endpoint::v3::ClusterLoadAssignment>();
    case ResourceType::kListeners: return std::make_unique<envoy::config::listener::v3::Listener>();
    case ResourceType::kRoutes: return std::make_unique<envoy::config::route::v3::RouteConfiguration>();
    case ResourceType::kSecrets: return std::make_unique<ProtoSecret>();
  }
  return nullptr;
}

const std::string& name_of(ResourceType type, const Message& message) {
  switch (type) {
    case ResourceType::kClusters:
      return static_cast<const envoy::config::cluster::v3::Cluster&>(message).name();
    case ResourceType::kEndpoints:
      return static_cast<const envoy::config::endpoint::v3::ClusterLoadAssignment&>(message).cluster_name();
    case ResourceType::kListeners:
      return static_cast<const envoy::config::listener::v3::Listener&>(message).name();
    case ResourceType::kSecrets: return static_cast<const ProtoSecret&>(message).name();
    default: return static_cast<const envoy::config::route::v3::RouteConfiguration&>(message).name();
  }
}

std::string_view noun(ResourceType type) {
  constexpr std::string_view kNouns[] = {"cluster", "endpoints of", "listener", "routes", "secret"};
  return kNouns[index_of(type)];
}

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

struct ResourceStore::Incoming {
  const Any* resource = nullptr;
  std::string name;
  std::unique_ptr<Message> message;  // null: unchanged
  uint64_t hash = 0;
};

struct ResourceStore::Step {
  ResourceType type;
  const std::string& version;
  MonotonicTime now;
  WallTime wall;
  [[nodiscard]] ResourceRecord record(const Incoming& incoming) const {
    return {*incoming.resource, version, wall};
  }
};

std::string UpdateResult::details() const {
  std::string text;
  for (const std::string& error : errors) text += (text.empty() ? "" : "\n") + error;
  return text;
}

ResourceStore::ResourceStore(const Environment& environment)
    : environment_(environment),
      secrets_(environment_) {
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
  const auto record = [&](const Message& source) {
    ResourceRecord made{{}, {}, wall};
    made.resource.PackFrom(source);
    return made;
  };
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

const ResourceRecord* ResourceStore::latest(ResourceType type, const std::string& name) const {
  switch (type) {
    case ResourceType::kClusters: return latest_of(clusters_, name);
    case ResourceType::kEndpoints: return latest_child_of(endpoints_, name);
    case ResourceType::kListeners: return latest_of(listeners_, name);
    case ResourceType::kSecrets: return latest_child_of(secrets_.table(), ads_secret_key(name));
    default: return latest_child_of(routes_, name);
  }
}

bool ResourceStore::is_static(ResourceType type, const std::string& name) const {
  const auto check = [&](const auto& set) {
    const auto* entry = set.find(name);
    return entry != nullptr && entry->is_static;
  };
  if (type == ResourceType::kClusters) return check(clusters_);
  return type == ResourceType::kListeners && check(listeners_);
}

bool ResourceStore::read_names(ResourceType type, const Resources& resources, std::vector<Incoming>& out,
                               UpdateResult& result) const {
  std::set<std::string_view> seen;
  const auto& known = names_[index_of(type)];
  out.reserve(static_cast<size_t>(resources.size()));
  for (int i = 0; i < resources.size(); ++i) {
    const std::string where = "resources[" + std::to_string(i) + "]: ";
    Incoming incoming;
    incoming.resource = &resources[i];
    if (resources[i].type_url() != type_url(type)) {
      result.errors.push_back(where + "is a '" + resources[i].type_url() + "', not a '" +
                              std::string(type_url(type)) + "'");
      continue;
    }
    incoming.hash = content_hash(resources[i].value());
    const auto same = known.find(incoming.hash);
    const ResourceRecord* record = same == known.end() ? nullptr : latest(type, same->second);
    if (record != nullptr && record->resource.value() == resources[i].value()) {
      incoming.name = same->second;
    } else {
      incoming.message = make(type);
      if (!incoming.message->ParseFromString(resources[i].value())) {
        result.errors.push_back(where + "the bytes are not a valid " + incoming.message->GetTypeName());
        continue;
      }
      incoming.name = name_of(type, *incoming.message);
    }
    if (incoming.name.empty()) result.errors.push_back(where + "has no name");
    out.push_back(std::move(incoming));
  }
  for (const Incoming& incoming : out) {
    if (!seen.insert(incoming.name).second) {
      result.errors.push_back("duplicate " + std::string(noun(type)) + " " + incoming.name);
    }
  }
  return result.errors.empty();
}

UpdateResult ResourceStore::update(ResourceType type, const std::string& version, const Resources& resources,
                                   MonotonicTime now, WallTime wall) {
  UpdateResult result;
  std::vector<Incoming> incoming;
  if (!read_names(type, resources, incoming, result)) return result;
  const Step step{type, version, now, wall};
  for (const Incoming& entry : incoming) {
    if (entry.message == nullptr) {
      result.accepted.push_back(entry.name);
    } else {
      take(step, entry, result);
    }
  }
  if (is_whole_set(type)) remove_missing(type, incoming);
  forget_old_names(type);
  return result;
}

void ResourceStore::forget_old_names(ResourceType type) {
  auto& names = names_[index_of(type)];
  size_t& limit = names_limit_[index_of(type)];
  if (names.size() < limit) return;
  std::erase_if(names, [&](const auto& entry) {
    const ResourceRecord* record = latest(type, entry.second);
    return record == nullptr || content_hash(record->resource.value()) != entry.first;
  });
  limit = std::max(kFirstNamesLimit, 2 * names.size());
}

void ResourceStore::take(const Step& step, const Incoming& incoming, UpdateResult& result) {
  ConfigReport report;
  Context context(environment_, report);
  if (is_static(step.type, incoming.name)) {
    context.error("is static: a management server cannot change it");
  } else {
    switch (step.type) {
      case ResourceType::kClusters: take_cluster(step, incoming, context); break;
      case ResourceType::kEndpoints: take_endpoints(step, incoming, context); break;
      case ResourceType::kListeners: take_listener(step, incoming, context); break;
      case ResourceType::kRoutes: take_routes(step, incoming, context); break;
      case ResourceType::kSecrets: take_secret(step, incoming, context); break;
    }
  }
  if (report.ok()) {
    names_[index_of(step.type)][incoming.hash] = incoming.name;
    result.accepted.push_back(incoming.name);
    return;
  }
  result.errors.push_back(std::string(noun(step.type)) + " '" + incoming.name + "': " + report.error_text());
  result.refused.push_back(incoming.name);
  refuse(step, incoming, report.error_text());
}

void ResourceStore::take_cluster(const Step& step, const Incoming& incoming, Context& context) {
  const auto& cluster = static_cast<const envoy::config::cluster::v3::Cluster&>(*incoming.message);
  TranslatedCluster translated = translate_cluster(cluster, {step.version, true}, context);
  if (!translated.config || !context.report().ok()) return;
  offer(incoming.name, step.record(incoming), std::move(translated), step.now);
}

void ResourceStore::take_endpoints(const Step& step, const Incoming& incoming, Context& context) {
  if (endpoints_.find(incoming.name) == nullptr) return;  // nobody asked for it
  const auto& assignment =
      static_cast<const envoy::config::endpoint::v3::ClusterLoadAssignment&>(*incoming.message);
  auto endpoints = translate_endpoints(assignment, step.version, context);
  if (!endpoints) return;
  endpoints_.supply(incoming.name, step.record(incoming), std::move(endpoints));
  clusters_.settled({NeedKind::kEndpoints, incoming.name});
}

void ResourceStore::take_listener(const Step& step, const Incoming& incoming, Context& context) {
  const auto& listener = static_cast<const envoy::config::listener::v3::Listener&>(*incoming.message);
  TranslatedListener translated = translate_listener(listener, {step.version, true}, incoming.hash, context);
  if (!translated.config || !context.report().ok()) return;
  offer(incoming.name, step.record(incoming), std::move(translated), step.now);
}

void ResourceStore::take_routes(const Step& step, const Incoming& incoming, Context& context) {
  if (routes_.find(incoming.name) == nullptr) return;
  const auto& config = static_cast<const envoy::config::route::v3::RouteConfiguration&>(*incoming.message);
  auto table = translate_routes(config, step.version, false, context);
  if (!table) return;
  routes_.supply(incoming.name, step.record(incoming), std::move(table));
  listeners_.settled({NeedKind::kRoutes, incoming.name});
}

void ResourceStore::take_secret(const Step& step, const Incoming& incoming, Context& context) {
  const std::string key = ads_secret_key(incoming.name);
  const SecretSource* source = secrets_.source_of(key);
  if (source == nullptr || source->kind != SecretSource::Kind::kAds) return;  // nobody asked for it
  secrets_.take(key, static_cast<const ProtoSecret&>(*incoming.message), step.record(incoming), context);
  secret_settled(key);
}

void ResourceStore::refuse(const Step& step, const Incoming& incoming, std::string details) {
  RefusedUpdate update{step.record(incoming), std::move(details)};
  switch (step.type) {
    case ResourceType::kClusters: clusters_.refuse(incoming.name, std::move(update)); break;
    case ResourceType::kEndpoints: endpoints_.refuse(incoming.name, std::move(update)); break;
    case ResourceType::kListeners: listeners_.refuse(incoming.name, std::move(update)); break;
    case ResourceType::kRoutes: routes_.refuse(incoming.name, std::move(update)); break;
    case ResourceType::kSecrets:
      secrets_.refuse(ads_secret_key(incoming.name), std::move(update));
      secret_settled(ads_secret_key(incoming.name));
      break;
  }
}

void ResourceStore::remove_missing(ResourceType type, const std::vector<Incoming>& incoming) {
  std::set<std::string_view> present;
  for (const Incoming& entry : incoming) present.insert(entry.name);
  const auto remove = [&](auto& set) {
    std::vector<std::string> gone;
    for (const auto& [name, entry] : set.entries()) {
      if (!entry.is_static && !present.contains(name)) gone.push_back(name);
    }
    for (const std::string& name : gone) set.remove(name);
  };
  if (type == ResourceType::kClusters) {
    remove(clusters_);
  } else {
    remove(listeners_);
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
  }
  return names;
}

uint64_t ResourceStore::wanted_version(ResourceType type) const {
  switch (type) {
    case ResourceType::kEndpoints: return endpoints_.names_version();
    case ResourceType::kRoutes: return routes_.names_version();
    case ResourceType::kSecrets: return secrets_.ads_names_version();
    default: return 0;
  }
}

}  // namespace remora::xds
