#include "client/resource_store.h"
#include "translate/content_hash.h"
#include "translate/endpoint.h"
#include "translate/route.h"
#include "translate/vhds.h"

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
    case ResourceType::kSecrets: return std::make_unique<ProtoSecret>();
    case ResourceType::kExtensions: return std::make_unique<envoy::config::core::v3::TypedExtensionConfig>();
    case ResourceType::kRoutes:
    case ResourceType::kVirtualHosts: break;  // they have ways of their own
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
    case ResourceType::kExtensions:
      return static_cast<const envoy::config::core::v3::TypedExtensionConfig&>(message).name();
    default: return static_cast<const ProtoSecret&>(message).name();
  }
}

std::string_view noun(ResourceType type) {
  constexpr std::string_view kNouns[] = {"cluster", "endpoints of", "listener",        "routes",
                                         "secret",  "virtual host", "configuration of"};
  return kNouns[index_of(type)];
}

}  // namespace

struct ResourceStore::Incoming {
  const Any* resource = nullptr;
  const std::string* version = nullptr;
  std::string name;
  std::string key;                    // the name, unless it comes from elsewhere than ADS
  std::unique_ptr<Message> message;   // null: unchanged, or a route table
  std::unique_ptr<RouteParts> parts;  // of a route table; null: unchanged
  uint64_t hash = 0;
  [[nodiscard]] bool is_new() const { return message != nullptr || parts != nullptr; }
};

struct ResourceStore::Step {
  ResourceType type;
  const std::string& source;
  MonotonicTime now;
  WallTime wall;
  bool is_delta = false;  // each resource has a version of its own
  [[nodiscard]] ResourceRecord record(const Incoming& incoming) const {
    return {*incoming.resource, *incoming.version, wall};
  }
};

std::string UpdateResult::details() const {
  std::string text;
  for (const std::string& error : errors) text += (text.empty() ? "" : "\n") + error;
  return text;
}

bool ResourceStore::parse(ResourceType type, Incoming& incoming, std::string& error) {
  const std::string& bytes = incoming.resource->value();
  if (type == ResourceType::kRoutes) {  // large: unchanged virtual hosts are not parsed
    auto parts = take_apart(bytes);
    if (!parts) return error = std::move(parts).error().message, false;
    incoming.parts = std::make_unique<RouteParts>(std::move(*parts));
    incoming.name = incoming.parts->head.name();
    return true;
  }
  incoming.message = make(type);
  if (!incoming.message->ParseFromString(bytes)) {
    error = "the bytes are not a valid " + incoming.message->GetTypeName();
    return false;
  }
  incoming.name = name_of(type, *incoming.message);
  return true;
}

bool ResourceStore::read(const Step& step, Incoming& incoming, std::string& error) const {
  const ResourceType type = step.type;
  const Any& resource = *incoming.resource;
  if (resource.type_url() != type_url(type)) {
    error = "is a '" + resource.type_url() + "', not a '" + std::string(type_url(type)) + "'";
    return false;
  }
  const auto& known = keys_[index_of(type)];
  incoming.hash = content_hash(resource.value());
  const auto same = known.find(incoming.hash);
  const ResourceRecord* record = same == known.end() ? nullptr : latest(type, same->second);
  if (record != nullptr && record->resource.value() == resource.value()) {
    const Origin origin = origin_of(type, same->second);
    if (origin.source_key() == step.source) {
      incoming.key = same->second;
      incoming.name = origin.name;
      return true;
    }
  }
  if (!parse(type, incoming, error)) return false;
  incoming.key = is_whole_set(type) ? incoming.name : resource_key(incoming.name, step.source);
  if (incoming.name.empty()) error = "has no name";
  return error.empty();
}

bool ResourceStore::read_names(const Step& step, const Resources& resources, std::vector<Incoming>& out,
                               UpdateResult& result) const {
  std::set<std::string_view> seen;
  out.reserve(static_cast<size_t>(resources.size()));
  for (int i = 0; i < resources.size(); ++i) {
    Incoming& incoming = out.emplace_back();
    incoming.resource = &resources[i];
    std::string error;
    if (!read(step, incoming, error))
      result.errors.push_back("resources[" + std::to_string(i) + "]: " + error);
  }
  for (const Incoming& incoming : out) {
    if (!incoming.name.empty() && !seen.insert(incoming.name).second) {
      result.errors.push_back("duplicate " + std::string(noun(step.type)) + " " + incoming.name);
    }
  }
  return result.errors.empty();
}

UpdateResult ResourceStore::update(ResourceType type, const std::string& version, const Resources& resources,
                                   MonotonicTime now, WallTime wall, const std::string& source) {
  UpdateResult result;
  std::vector<Incoming> incoming;
  const Step step{type, source, now, wall};
  if (!read_names(step, resources, incoming, result)) return result;
  for (Incoming& entry : incoming) {
    entry.version = &version;
    take(step, entry, result);
  }
  if (is_whole_set(type)) remove_missing(type, incoming);
  forget_old_keys(type);
  return result;
}

bool ResourceStore::are_told_apart(const DeltaResponse& response, UpdateResult& result) {
  std::set<std::string_view> seen;
  const auto check = [&](const std::string& name, const char* what) {
    if (!seen.insert(name).second) result.errors.push_back(std::string(what) + " '" + name + "'");
  };
  for (const auto& resource : response.resources()) check(resource.name(), "two resources have the name");
  for (const auto& name : response.removed_resources()) check(name, "given and removed, or removed twice:");
  return result.ok();
}

UpdateResult ResourceStore::update(ResourceType type, const DeltaResponse& response, MonotonicTime now,
                                   WallTime wall, const std::string& source) {
  UpdateResult result;
  if (!are_told_apart(response, result)) return result;
  if (type == ResourceType::kVirtualHosts) return update_virtual_hosts(response, wall, source);
  const Step step{type, source, now, wall, true};
  for (const auto& resource : response.resources()) {
    if (!resource.has_resource()) {  // a heartbeat: it is as it was
      result.accepted.push_back(resource.name());
      continue;
    }
    Incoming incoming;
    incoming.resource = &resource.resource();
    incoming.version = &resource.version();
    std::string error;
    if (read(step, incoming, error) && incoming.name != resource.name())
      error = "holds the resource '" + incoming.name + "'";
    incoming.name = resource.name();
    incoming.key = is_whole_set(type) ? incoming.name : resource_key(incoming.name, source);
    if (error.empty()) {
      take(step, incoming, result);
    } else {
      refuse(step, incoming, error, result);
    }
  }
  for (const std::string& name : response.removed_resources()) {
    if (type == ResourceType::kExtensions) {
      withdraw_extension(resource_key(name, source), response.system_version_info());
    } else {
      remove(type, name, source);
    }
  }
  forget_old_keys(type);
  return result;
}

void ResourceStore::remove(ResourceType type, const std::string& name, const std::string& source) {
  if (is_static(type, name)) return;
  const std::string key = resource_key(name, source);
  switch (type) {
    case ResourceType::kClusters: return clusters_.remove(name);
    case ResourceType::kListeners: return listeners_.remove(name);
    case ResourceType::kEndpoints:
      endpoints_.mark_absent(key);
      return clusters_.settled({NeedKind::kEndpoints, key});
    case ResourceType::kRoutes: routes_.mark_absent(key); return listeners_.settled({NeedKind::kRoutes, key});
    case ResourceType::kSecrets: secrets_.table().mark_absent(key); return secret_settled(key);
    case ResourceType::kVirtualHosts: return;  // only by a response
    case ResourceType::kExtensions:
      extensions_.table().mark_absent(key);
      return listeners_.settled({NeedKind::kExtension, key});
  }
}

void ResourceStore::accept_unchanged(const Step& step, const Incoming& incoming) {
  const auto accept = [&](auto& set) {
    set.clear_refusal(incoming.key);
    if (step.is_delta) set.set_version(incoming.key, *incoming.version);
  };
  switch (step.type) {
    case ResourceType::kClusters: return accept(clusters_);
    case ResourceType::kListeners: return accept(listeners_);
    case ResourceType::kEndpoints: {
      const auto endpoints = endpoints_.value_of(incoming.key);
      if (endpoints != nullptr && endpoints->stale_after.count() > 0) endpoints_.renew(incoming.key);
      return accept(endpoints_);
    }
    case ResourceType::kRoutes: return accept(routes_);
    case ResourceType::kSecrets: return accept(secrets_.table());
    case ResourceType::kExtensions: return accept(extensions_.table());
    case ResourceType::kVirtualHosts: return;
  }
}

void ResourceStore::forget_old_keys(ResourceType type) {
  auto& names = keys_[index_of(type)];
  size_t& limit = keys_limit_[index_of(type)];
  if (names.size() < limit) return;
  std::erase_if(names, [&](const auto& entry) {
    const ResourceRecord* record = latest(type, entry.second);
    return record == nullptr || content_hash(record->resource.value()) != entry.first;
  });
  limit = std::max(kFirstKeysLimit, 2 * names.size());
}

void ResourceStore::take(const Step& step, const Incoming& incoming, UpdateResult& result) {
  if (!incoming.is_new()) {
    accept_unchanged(step, incoming);
    result.accepted.push_back(incoming.name);
    return;
  }
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
      case ResourceType::kExtensions: {
        using Extension = envoy::config::core::v3::TypedExtensionConfig;
        const auto& config = static_cast<const Extension&>(*incoming.message).typed_config();
        take_extension(incoming.key, config, step.record(incoming), context);
        break;
      }
      case ResourceType::kVirtualHosts: break;
    }
  }
  if (!report.ok()) return refuse(step, incoming, report.error_text(), result);
  warnings_.add(noun(step.type), incoming.name, report);
  keys_[index_of(step.type)][incoming.hash] = incoming.key;
  result.accepted.push_back(incoming.name);
}

void ResourceStore::take_cluster(const Step& step, const Incoming& incoming, Context& context) {
  const auto& cluster = static_cast<const envoy::config::cluster::v3::Cluster&>(*incoming.message);
  TranslatedCluster translated = translate_cluster(cluster, {*incoming.version, true}, context);
  if (!translated.config || !context.report().ok()) return;
  offer(incoming.name, step.record(incoming), std::move(translated), step.now);
}

void ResourceStore::take_endpoints(const Step& step, const Incoming& incoming, Context& context) {
  if (endpoints_.find(incoming.key) == nullptr) return;  // nobody asked for it
  const auto& assignment =
      static_cast<const envoy::config::endpoint::v3::ClusterLoadAssignment&>(*incoming.message);
  auto endpoints = translate_endpoints(assignment, context);
  if (!endpoints) return;
  endpoints_.supply(incoming.key, step.record(incoming), std::move(endpoints));
  clusters_.settled({NeedKind::kEndpoints, incoming.key});
}

void ResourceStore::take_listener(const Step& step, const Incoming& incoming, Context& context) {
  const auto& listener = static_cast<const envoy::config::listener::v3::Listener&>(*incoming.message);
  TranslatedListener translated =
      translate_listener(listener, {*incoming.version, true}, incoming.hash, context);
  if (!translated.config || !context.report().ok()) return;
  offer(incoming.name, step.record(incoming), std::move(translated), step.now);
}

void ResourceStore::take_routes(const Step& step, const Incoming& incoming, Context& context) {
  if (routes_.find(incoming.key) == nullptr) return;
  const RouteParts& parts = *incoming.parts;
  const auto source = to_vhds_source(parts.head, ads_is_delta_, context);
  const auto before = routes_.value_of(incoming.key);
  auto own = source ? own_hosts(incoming.key, parts, context) : std::vector<std::shared_ptr<VirtualHost>>();
  if (!context.report().ok()) return;
  auto table = translate_routes(parts, {*incoming.version, false, before.get(), own}, context);
  if (!table) return;
  routes_.supply(incoming.key, step.record(incoming), std::move(table));
  follow_virtual_hosts(incoming.key, parts, source, std::move(own), step.now);
}

void ResourceStore::take_secret(const Step& step, const Incoming& incoming, Context& context) {
  const std::string& key = incoming.key;
  const SecretSource* source = secrets_.source_of(key);
  if (source == nullptr || source->kind != SecretSource::Kind::kAds) return;  // nobody asked for it
  secrets_.take(key, static_cast<const ProtoSecret&>(*incoming.message), step.record(incoming), context);
  secret_settled(key);
}

void ResourceStore::refuse(const Step& step, const Incoming& incoming, const std::string& details,
                           UpdateResult& result) {
  result.errors.push_back(std::string(noun(step.type)) + " '" + incoming.name + "': " + details);
  result.refused.push_back(incoming.name);
  if (is_static(step.type, incoming.name)) return;  // what stands in the bootstrap is none of the server's
  RefusedUpdate update{step.record(incoming), details};
  switch (step.type) {
    case ResourceType::kClusters: clusters_.refuse(incoming.name, std::move(update)); break;
    case ResourceType::kEndpoints: endpoints_.refuse(incoming.key, std::move(update)); break;
    case ResourceType::kListeners: listeners_.refuse(incoming.name, std::move(update)); break;
    case ResourceType::kRoutes: routes_.refuse(incoming.key, std::move(update)); break;
    case ResourceType::kSecrets:
      secrets_.refuse(incoming.key, std::move(update));
      secret_settled(incoming.key);
      break;
    case ResourceType::kExtensions: refuse_extension(incoming.key, std::move(update)); break;
    case ResourceType::kVirtualHosts: break;
  }
}

void ResourceStore::remove_missing(ResourceType type, const std::vector<Incoming>& incoming) {
  std::set<std::string_view> present;
  for (const Incoming& entry : incoming) present.insert(entry.name);
  const auto remove = [&](auto& set, const std::set<std::string>& kept) {
    std::vector<std::string> gone;
    for (const auto& [name, entry] : set.entries()) {
      if (!entry.is_static && !present.contains(name) && !kept.contains(name)) gone.push_back(name);
    }
    for (const std::string& name : gone) set.remove(name);
  };
  if (type == ResourceType::kClusters) {
    remove(clusters_, demanded_clusters_);
  } else {
    remove(listeners_, {});
  }
}

}  // namespace remora::xds
