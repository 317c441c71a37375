#include "inject/bootstrap.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <map>

#include "inject/bootstrap_parts.h"
#include "istio/text/scalar.h"
#include "web/percent.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

constexpr const char* kControlPlane = "xds-grpc";
constexpr const char* kAdmin = "admin";
constexpr const char* kMetricsPath = "/stats/prometheus";

json::object node_of(const Settings& settings, const SidecarNode& node) {
  json::object metadata{{"NAME", node.name},
                        {"NAMESPACE", node.ns},
                        {"SERVICE_ACCOUNT", node.service_account},
                        {"WORKLOAD_NAME", node.workload},
                        {"INSTANCE_IPS", node.ips},
                        {"INTERCEPTION_MODE", settings.capture.mode},
                        {"CLUSTER_ID", settings.cluster_id},
                        {"MESH_ID", settings.mesh_id.empty() ? settings.trust_domain : settings.mesh_id},
                        {"REMORA_VHDS", true},
                        {"LABELS", node.labels}};
  return {{"id", node.type + '~' + node.ip + '~' + node.name + '.' + node.ns + '~' + node.ns +
                     ".svc.cluster.local"},
          {"cluster", node.service + '.' + node.ns},
          {"metadata", std::move(metadata)}};
}

/// The control plane, and what goes with every call to it.
json::object grpc_service(const SidecarProof& proof) {
  json::object service{{"envoy_grpc", {{"cluster_name", kControlPlane}}}};
  std::string token = proof.token;
  if (!proof.token_file.empty()) token = "%FILE_CONTENT(" + proof.token_file + ")%";
  if (!token.empty()) {
    service["initial_metadata"] =
        json::array{json::object{{"key", "authorization"}, {"value", "Bearer " + token}}};
  }
  return service;
}

json::object metrics_sink(const SidecarProof& proof) {
  return {{"name", "envoy.stat_sinks.metrics_service"},
          {"typed_config",
           {{"@type", "type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig"},
            {"transport_api_version", "V3"},
            {"emit_tags_as_labels", true},
            {"grpc_service", grpc_service(proof)}}}};
}

/// Without an end to the waiting: a sidecar that nobody has configured is not ready.
json::object over_ads() {
  return {{"ads", json::object{}}, {"resource_api_version", "V3"}, {"initial_fetch_timeout", "0s"}};
}

json::object control_plane_cluster(const Settings& settings) {
  const size_t colon = settings.discovery_address.rfind(':');
  std::string host = settings.discovery_address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const int port = static_cast<int>(*istio::parse_integer(settings.discovery_address.substr(colon + 1)));
  json::object cluster = cluster_to(kControlPlane, host, port);
  cluster["connect_timeout"] = "1s";
  speak_http2(cluster);
  if (!settings.root_certificate.empty()) {
    const std::string id =
        "spiffe://" + settings.trust_domain + "/ns/" + settings.root_namespace + "/sa/remora-control";
    cluster["transport_socket"] = verified_tls(settings.root_certificate, id, host);
  }
  return cluster;
}

std::string cluster_name(const AppProbe& probe) {
  const char* kind = probe.kind == AppProbe::Kind::kHttps  ? "https"
                     : probe.kind == AppProbe::Kind::kGrpc ? "grpc"
                                                           : "http";
  return "app-probe-" + std::string(kind) + '-' + std::to_string(probe.port);
}

/// An address that the redirection knows, so that a question does not come back to the sidecar.
const char* source_of(const Settings& settings) {
  return settings.address_family == "ipv6" ? "::6" : "127.0.0.6";
}

/// How the sidecar asks the application: at the pod's own address, as kubelet did, and from an address that
/// the redirection knows.
json::object application_cluster(const Settings& settings, const SidecarNode& node, const AppProbe& probe) {
  json::object cluster = cluster_to(cluster_name(probe), node.ip, probe.port);
  cluster["connect_timeout"] = "1s";
  cluster["upstream_bind_config"] =
      json::object{{"source_address", {{"address", source_of(settings)}, {"port_value", 0}}}};
  if (probe.kind == AppProbe::Kind::kGrpc) speak_http2(cluster);
  if (probe.kind == AppProbe::Kind::kHttps) cluster["transport_socket"] = unverified_tls();
  return cluster;
}

/// A query of the admin interface. It ends in a parameter without a name, which takes up the query that the
/// question has itself.
std::string about_application(const Settings& settings, const SidecarNode& node, const std::string& path,
                              int port, const std::string& more) {
  return path + "?host=" + node.ip + "&port=" + std::to_string(port) + "&source=" + source_of(settings) +
         '&' + more + "&=";
}

json::object probe_route(const Settings& settings, const SidecarNode& node, const AppProbe& probe) {
  if (probe.kind == AppProbe::Kind::kTcp) {
    const std::string limit = std::to_string(probe.timeout_seconds);
    return route(
        probe.where, kAdmin,
        about_application(settings, node, "/application/connect", probe.port, "timeout_ms=" + limit + "000"),
        limit + "s");
  }
  return route(probe.where, cluster_name(probe), probe.path, std::to_string(probe.timeout_seconds) + "s");
}

/// The sidecar's metrics, with those of the application where it has any.
json::object all_metrics_route(const Settings& settings, const SidecarNode& node, const AppMetrics& metrics) {
  if (metrics.port == 0) return route(kMetricsPath, kAdmin, kMetricsPath, "15s");
  return route(kMetricsPath, kAdmin,
               about_application(settings, node, "/application/metrics", metrics.port,
                                 "path=" + web::percent_encode(metrics.path)),
               "15s");
}

json::array listeners(const Settings& settings, const SidecarNode& node, const std::vector<AppProbe>& probes,
                      const AppMetrics& app_metrics) {
  const Binding binding{settings.address_family};
  const json::object ready = route("/healthz/ready", kAdmin, "/ready", "3s");
  const json::object metrics = route(kMetricsPath, kAdmin, kMetricsPath, "15s");
  json::array questions;
  for (const AppProbe& probe : probes) {
    if (probe.kind != AppProbe::Kind::kGrpc) questions.push_back(probe_route(settings, node, probe));
  }
  questions.push_back(ready);
  questions.push_back(all_metrics_route(settings, node, app_metrics));
  json::array out;
  out.push_back(http_listener("metrics", binding, kMetricsPort, {metrics}));
  out.push_back(http_listener("ready", binding, kReadyPort, {ready}));
  out.push_back(http_listener("probes", binding, kProbePort, std::move(questions)));
  for (const AppProbe& probe : probes) {
    if (probe.kind != AppProbe::Kind::kGrpc) continue;
    const json::object check = route("/grpc.health.v1.Health/Check", cluster_name(probe), "", "0s");
    out.push_back(
        http_listener("probes-grpc-" + std::to_string(probe.port), binding, probe.stand_in, {check}));
  }
  return out;
}

json::array clusters(const Settings& settings, const SidecarNode& node, const std::vector<AppProbe>& probes) {
  json::array out{control_plane_cluster(settings), cluster_to(kAdmin, "127.0.0.1", kAdminPort)};
  std::map<std::string, json::object> by_name;  // several probes of one port share a cluster
  for (const AppProbe& probe : probes) {
    if (probe.kind == AppProbe::Kind::kTcp) continue;  // the admin interface connects by itself
    by_name.try_emplace(cluster_name(probe), application_cluster(settings, node, probe));
  }
  for (auto& [name, cluster] : by_name) out.push_back(std::move(cluster));
  return out;
}

}  // namespace

json::object sidecar_bootstrap(const Settings& settings, const SidecarNode& node, const SidecarProof& proof,
                               const std::vector<AppProbe>& probes, const AppMetrics& metrics) {
  const json::object ads{{"api_type", "DELTA_GRPC"},
                         {"transport_api_version", "V3"},
                         {"set_node_on_first_message_only", true},
                         {"grpc_services", json::array{grpc_service(proof)}}};
  return {
      {"node", node_of(settings, node)},
      {"admin", {{"address", socket_address("127.0.0.1", kAdminPort)}}},
      {"dynamic_resources", {{"ads_config", ads}, {"lds_config", over_ads()}, {"cds_config", over_ads()}}},
      {"stats_flush_interval", "5s"},
      {"stats_sinks", json::array{metrics_sink(proof)}},
      {"static_resources",
       {{"clusters", clusters(settings, node, probes)},
        {"listeners", listeners(settings, node, probes, metrics)}}}};
}

}  // namespace remora::inject
