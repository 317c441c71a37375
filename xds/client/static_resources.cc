#include "client/static_resources.h"

#include <algorithm>
#include <set>

#include "client/ads_config.h"
#include "client/grpc_target.h"
#include "client/metrics_config.h"
#include "translate/content_hash.h"

namespace remora::xds {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;
using ProtoCluster = envoy::config::cluster::v3::Cluster;

/// The cluster of the management server or a statistics sink is found by name, which gRPC does itself: no
/// route can use it.
bool is_for_grpc_only(const ProtoCluster& cluster, const std::vector<std::string>& grpc_servers) {
  if (std::ranges::find(grpc_servers, cluster.name()) == grpc_servers.end()) return false;
  return cluster.type() != ProtoCluster::STATIC;
}

/// What operators see of such a cluster (/clusters, /config_dump): its name.
ProtoCluster shown_part(const ProtoCluster& cluster) {
  ProtoCluster out;
  out.set_name(cluster.name());
  out.set_alt_stat_name(cluster.alt_stat_name());
  return out;
}

void translate_secrets(const Bootstrap& bootstrap, Context& context, StaticResources& out) {
  std::set<std::string> seen;
  for (int i = 0; i < bootstrap.static_resources().secrets_size(); ++i) {
    const ProtoSecret& secret = bootstrap.static_resources().secrets(i);
    const auto scope = context.in("secrets", i);
    if (!seen.insert(secret.name()).second) context.error("name", "duplicate secret " + secret.name());
    out.secrets.push_back({i, translate_secret(secret, static_secret_key(secret.name()), {},
                                               std::chrono::system_clock::now(), context)});
  }
}

void translate_clusters(const Bootstrap& bootstrap, Context& context, StaticResources& out) {
  std::vector<std::string> grpc_servers = metrics_cluster_names(bootstrap);
  for (std::string& name : management_cluster_names(bootstrap)) grpc_servers.push_back(std::move(name));
  std::set<std::string> seen;
  for (int i = 0; i < bootstrap.static_resources().clusters_size(); ++i) {
    const ProtoCluster& cluster = bootstrap.static_resources().clusters(i);
    const auto scope = context.in("clusters", i);
    if (!seen.insert(cluster.name()).second) context.error("name", "duplicate cluster " + cluster.name());
    const bool grpc_only = is_for_grpc_only(cluster, grpc_servers);
    out.clusters.push_back({i, translate_cluster(grpc_only ? shown_part(cluster) : cluster, {}, context)});
  }
}

void translate_listeners(const Bootstrap& bootstrap, Context& context, StaticResources& out) {
  std::set<std::string> seen;
  for (int i = 0; i < bootstrap.static_resources().listeners_size(); ++i) {
    const auto& listener = bootstrap.static_resources().listeners(i);
    const auto scope = context.in("listeners", i);
    if (!listener.name().empty() && !seen.insert(listener.name()).second) {
      context.error("name", "duplicate listener " + listener.name());
    }
    out.listeners.push_back(
        {i, translate_listener(listener, {}, content_hash(listener.SerializeAsString()), context)});
  }
}

}  // namespace

StaticResources translate_static_resources(const Bootstrap& bootstrap, Environment& environment,
                                           ConfigReport& report) {
  std::set<std::string> names;
  for (const auto& cluster : bootstrap.static_resources().clusters()) names.insert(cluster.name());
  environment.has_cluster = [&names](const std::string& name) { return names.contains(name); };
  environment.check_grpc_service = grpc_service_check(bootstrap);
  environment.has_static_secret = [&bootstrap](const std::string& name) {
    return std::ranges::any_of(bootstrap.static_resources().secrets(),
                               [&](const ProtoSecret& secret) { return secret.name() == name; });
  };
  StaticResources out;
  {
    Context context(environment, report);
    const auto scope = context.in("static_resources");
    translate_secrets(bootstrap, context, out);
    translate_clusters(bootstrap, context, out);
    translate_listeners(bootstrap, context, out);
  }
  environment.has_cluster = nullptr;
  environment.has_static_secret = nullptr;
  environment.check_grpc_service = nullptr;
  return out;
}

ConfigBatch StaticResources::ready() const {
  ConfigBatch batch;
  for (const Cluster& cluster : clusters) {
    if (cluster.translated.complete())
      batch.clusters.push_back({cluster.translated.config, cluster.translated.endpoints});
  }
  for (const Listener& listener : listeners) {
    if (listener.translated.complete()) batch.listeners.push_back(listener.translated.config);
  }
  return batch;
}

bool StaticResources::needs_names() const {
  return std::ranges::any_of(clusters, [](const Cluster& cluster) {
    const auto& source = cluster.translated.source;
    return source && source->kind == ResourceSource::Kind::kDns;
  });
}

bool StaticResources::needs_ads() const {
  const auto from_ads = [](const SecretNeeds& needs) {
    return std::ranges::any_of(
        needs, [](const SecretNeed& need) { return need.source.kind == SecretSource::Kind::kAds; });
  };
  const auto is_ads = [](const std::shared_ptr<const ResourceSource>& source) {
    return source && source->kind == ResourceSource::Kind::kAds;
  };
  return std::ranges::any_of(clusters,
                             [&](const Cluster& cluster) {
                               return is_ads(cluster.translated.source) ||
                                      from_ads(cluster.translated.secrets);
                             }) ||
         std::ranges::any_of(listeners, [&](const Listener& listener) {
           return std::ranges::any_of(listener.translated.routes,
                                      [&](const auto& routes) { return is_ads(routes.source); }) ||
                  std::ranges::any_of(listener.translated.extensions,
                                      [&](const auto& extension) { return is_ads(extension.source); }) ||
                  from_ads(listener.translated.secrets);
         });
}

}  // namespace remora::xds
