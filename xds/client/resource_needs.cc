#include "client/log.h"
#include "client/resource_store.h"

namespace remora::xds {

/// What clusters and listeners need before they can be used, and secrets, which both need.

template <typename Own>
void ResourceStore::Keeper<Own>::hold(const NeedKey& key, const std::string& parent) {
  if (key.kind == NeedKind::kSecret) {
    secrets_.hold(key.name, kind_ + parent, std::chrono::system_clock::now());
  } else if (key.kind == NeedKind::kExtension) {
    extensions_.hold(key.name, parent);
  } else {
    own_.hold(key.name, parent);
  }
}

template <typename Own>
void ResourceStore::Keeper<Own>::release(const NeedKey& key, const std::string& parent) {
  if (key.kind == NeedKind::kSecret) {
    secrets_.release(key.name, kind_ + parent);
  } else if (key.kind == NeedKind::kExtension) {
    extensions_.release(key.name, parent);
  } else {
    own_.release(key.name, parent);
  }
}

template <typename Own>
bool ResourceStore::Keeper<Own>::is_settled(const NeedKey& key) const {
  if (key.kind == NeedKind::kSecret) return secrets_.is_settled(key.name);
  return key.kind == NeedKind::kExtension ? extensions_.is_settled(key.name) : own_.is_settled(key.name);
}

template class ResourceStore::Keeper<EndpointTable>;
template class ResourceStore::Keeper<RoutesTable>;

namespace {

/// As Envoy's /init_dump names them.
std::string target_name(const NeedKey& key) {
  switch (key.kind) {
    case NeedKind::kEndpoints: return "ClusterLoadAssignment " + key.name;
    case NeedKind::kRoutes: return "target RdsRouteConfigSubscription init " + key.name;
    case NeedKind::kSecret: return "target SdsApi " + key.name;
    case NeedKind::kExtension: return "target FilterConfigSubscription init " + key.name;
  }
  return {};
}

template <typename Set>
void add_waiting(const Set& set, const std::string& prefix,
                 std::vector<std::pair<std::string, std::vector<std::string>>>& out) {
  for (const auto& [name, entry] : set.entries()) {
    if (!entry.missing) continue;
    auto& targets = out.emplace_back(prefix + name, std::vector<std::string>()).second;
    for (const auto& [key, deadline] : *entry.missing) targets.push_back(target_name(key));
  }
}

void add_secret_needs(const SecretNeeds& secrets, std::vector<Need>& out) {
  for (const SecretNeed& secret : secrets)
    out.push_back({{NeedKind::kSecret, secret.key}, secret.fetch_timeout});
}

}  // namespace

/// Where something comes from that will be held next. What comes over ADS by its plain name says so itself.
void ResourceStore::expect(ResourceType type, const std::string& key, const std::string& name,
                           const std::shared_ptr<const ResourceSource>& source) {
  if (key != name) origins_[index_of(type)][key] = {name, source};
}

ResourceStore::Origin ResourceStore::origin_of(ResourceType type, const std::string& key) const {
  if (type == ResourceType::kSecrets) {
    const SecretSource* secret = secrets_.source_of(key);
    return {secret != nullptr ? secret->name : key, nullptr};
  }
  if (type == ResourceType::kVirtualHosts) {
    const auto* set = virtual_hosts_.find(key);
    return set == nullptr ? Origin{key, nullptr} : Origin{set->table, set->source};
  }
  const auto& origins = origins_[index_of(type)];
  const auto found = origins.find(key);
  return found == origins.end() ? Origin{key, nullptr} : found->second;
}

void ResourceStore::offer(const std::string& name, ResourceRecord record, TranslatedCluster translated,
                          MonotonicTime now) {
  std::vector<Need> needs;
  if (translated.source) {
    const auto& config = *translated.config;
    const auto& source = *translated.source;
    needs.push_back(
        {{NeedKind::kEndpoints, translated.endpoints_key}, source.fetch_timeout, source.is_waited_for});
    expect(ResourceType::kEndpoints, translated.endpoints_key,
           source.kind == ResourceSource::Kind::kDns ? config.name : endpoints_name(config),
           translated.source);
  }
  add_secret_needs(translated.secrets, needs);
  secrets_.expect(translated.secrets);
  clusters_.offer(name, {std::move(record), std::move(translated), std::move(needs)}, now);
}

void ResourceStore::offer(const std::string& name, ResourceRecord record, TranslatedListener translated,
                          MonotonicTime now) {
  std::vector<Need> needs;
  for (const auto& routes : translated.routes) {
    needs.push_back({{NeedKind::kRoutes, routes.key}, routes.source->fetch_timeout});
    expect(ResourceType::kRoutes, routes.key, routes.name, routes.source);
  }
  expect_extensions(translated, needs);
  add_secret_needs(translated.secrets, needs);
  secrets_.expect(translated.secrets);
  listeners_.offer(name, {std::move(record), std::move(translated), std::move(needs)}, now);
}

std::vector<std::pair<std::string, std::vector<std::string>>> ResourceStore::waiting() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> out;
  add_waiting(clusters_, "Cluster ", out);
  add_waiting(listeners_, "Listener-local-init-manager ", out);
  return out;
}

void ResourceStore::supply_endpoints(const std::string& key, std::shared_ptr<const EndpointSet> endpoints) {
  if (endpoints_.supply(key, std::nullopt, std::move(endpoints)))
    clusters_.settled({NeedKind::kEndpoints, key});
}

void ResourceStore::secret_settled(const std::string& key) {
  if (!secrets_.is_settled(key)) return;
  clusters_.settled({NeedKind::kSecret, key});
  listeners_.settled({NeedKind::kSecret, key});
}

UpdateResult ResourceStore::update_secret(const std::string& key, const std::string& version,
                                          const Resources& resources, WallTime wall) {
  UpdateResult result;
  const SecretSource* source = secrets_.source_of(key);
  if (source == nullptr) return result;  // nobody needs it any more
  ConfigReport report;
  Context context(environment_, report);
  ResourceRecord record{{}, version, wall};
  ProtoSecret secret;
  if (resources.size() != 1) {
    report.error({}, "has " + std::to_string(resources.size()) + " resources instead of one");
  } else {
    record.resource = resources[0];
    if (!resources[0].UnpackTo(&secret)) {
      report.error({}, "is no Secret");
    } else if (secret.name() != source->name) {
      report.error({}, "is the secret '" + secret.name() + "'");
    } else {
      secrets_.take(key, secret, record, context);
    }
  }
  if (report.ok()) {
    result.accepted.push_back(key);
  } else {
    result.refused.push_back(key);
    result.errors.push_back("secret '" + source->name + "': " + report.error_text());
    secrets_.refuse(key, {std::move(record), report.error_text()});
  }
  secret_settled(key);
  return result;
}

bool ResourceStore::reload_secrets(const std::set<std::string>& keys, WallTime wall) {
  bool changed = false;
  for (const std::string& key : keys) {
    if (!secrets_.reload(key, wall)) continue;
    changed = true;
    secret_settled(key);
  }
  return changed;
}

}  // namespace remora::xds
