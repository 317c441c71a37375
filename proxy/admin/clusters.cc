#include <memory>

#include <fmt/format.h>
#include <re2/re2.h>

#include "admin/admin_view.h"
#include "admin/commands.h"
#include "admin/json_address.h"
#include "admin/json_writer.h"
#include "upstream/host.h"

namespace remora::admin {
namespace {

using Visit = std::function<void(const AdminCluster&)>;

std::string_view eds_health_name(EndpointHealth health) {
  switch (health) {
    case EndpointHealth::kUnhealthy: return "UNHEALTHY";
    case EndpointHealth::kDraining: return "DRAINING";
    case EndpointHealth::kTimeout: return "TIMEOUT";
    case EndpointHealth::kDegraded: return "DEGRADED";
    case EndpointHealth::kUnknown:
    case EndpointHealth::kHealthy: break;
  }
  return "HEALTHY";
}

// "<start>::<name>::<value>\n"
template <typename T>
void append_line(std::string& out, std::string_view start, std::string_view name, const T& value) {
  fmt::format_to(std::back_inserter(out), "{}::{}::{}\n", start, name, value);
}

void append_thresholds(std::string& out, const std::string& start, const Thresholds& limits) {
  append_line(out, start, "max_connections", limits.max_connections);
  append_line(out, start, "max_pending_requests", limits.max_pending_requests);
  append_line(out, start, "max_requests", limits.max_requests);
  append_line(out, start, "max_retries", limits.max_retries);
}

void append_host(std::string& out, const std::string& cluster, const AdminHost& host) {
  const Endpoint& endpoint = *host.endpoint;
  const std::string start = cluster + "::" + endpoint.address_text;
  append_line(out, start, "cx_active", host.cx_active);
  append_line(out, start, "cx_connect_fail", host.cx_connect_fail);
  append_line(out, start, "cx_total", host.cx_total);
  append_line(out, start, "rq_active", host.rq_active);
  append_line(out, start, "rq_error", host.rq_error);
  append_line(out, start, "rq_success", host.rq_success);
  append_line(out, start, "rq_timeout", host.rq_timeout);
  append_line(out, start, "rq_total", host.rq_total);
  append_line(out, start, "hostname", endpoint.hostname);
  append_line(out, start, "health_flags",
              health_flags(endpoint, host.failed_outlier_check, host.active_health));
  append_line(out, start, "weight", endpoint.weight);
  append_line(out, start, "region", endpoint.locality->region);
  append_line(out, start, "zone", endpoint.locality->zone);
  append_line(out, start, "sub_zone", endpoint.locality->sub_zone);
  append_line(out, start, "canary", endpoint.canary);
  append_line(out, start, "priority", endpoint.priority);
  append_line(out, start, "success_rate", host.success_rate);
  append_line(out, start, "local_origin_success_rate", host.local_origin_success_rate);
  // Beside what Envoy says, and only where there is something to say.
  if (host.latency_ms >= 0) append_line(out, start, "latency_ms", host.latency_ms);
  if (host.aperture >= 0) append_line(out, start, "aperture", host.aperture);
  if (!host.last_ejection.empty()) append_line(out, start, "last_ejection", host.last_ejection);
}

void append_text(std::string& out, const AdminCluster& cluster) {
  const ClusterConfig& config = *cluster.config;
  append_line(out, config.name, "observability_name",
              config.alt_stat_name->empty() ? config.name : *config.alt_stat_name);
  if (config.outlier) {
    const std::string start = config.name + "::outlier";
    append_line(out, start, "success_rate_average", cluster.success_rate_average);
    append_line(out, start, "success_rate_ejection_threshold", cluster.success_rate_ejection_threshold);
    append_line(out, start, "local_origin_success_rate_average", cluster.local_origin_success_rate_average);
    append_line(out, start, "local_origin_success_rate_ejection_threshold",
                cluster.local_origin_success_rate_ejection_threshold);
    if (config.outlier->latency) {
      append_line(out, start, "latency_median_ms", cluster.latency_median);
      append_line(out, start, "latency_ejection_threshold_ms", cluster.latency_ejection_threshold);
    }
  }
  append_thresholds(out, config.name + "::default_priority", config.default_priority);
  append_thresholds(out, config.name + "::high_priority", config.high_priority);
  append_line(out, config.name, "added_via_api", config.added_via_api);
  for (const AdminHost& host : cluster.hosts) append_host(out, config.name, host);
}

// Zeros and the type COUNTER are left out, as protobuf's JSON mapping leaves out defaults.
void write_stat(JsonWriter& json, std::string_view name, uint64_t value, bool gauge) {
  json.begin_object();
  if (gauge) json.member("type", "GAUGE");
  if (value != 0) json.member("value", std::to_string(value));
  json.member("name", name);
  json.end_object();
}

void write_stats(JsonWriter& json, const AdminHost& host) {
  json.key("stats");
  json.begin_array();
  write_stat(json, "cx_connect_fail", host.cx_connect_fail, false);
  write_stat(json, "cx_total", host.cx_total, false);
  write_stat(json, "rq_error", host.rq_error, false);
  write_stat(json, "rq_success", host.rq_success, false);
  write_stat(json, "rq_timeout", host.rq_timeout, false);
  write_stat(json, "rq_total", host.rq_total, false);
  write_stat(json, "cx_active", host.cx_active, true);
  write_stat(json, "rq_active", host.rq_active, true);
  json.end_array();
}

void write_percent(JsonWriter& json, std::string_view name, double percent) {
  if (percent < 0) return;
  json.key(name);
  json.begin_object();
  json.member("value", percent);
  json.end_object();
}

void write_locality(JsonWriter& json, const Locality& locality) {
  json.key("locality");
  json.begin_object();
  if (!locality.region.empty()) json.member("region", locality.region);
  if (!locality.zone.empty()) json.member("zone", locality.zone);
  if (!locality.sub_zone.empty()) json.member("sub_zone", locality.sub_zone);
  json.end_object();
}

void write_health(JsonWriter& json, const AdminHost& host) {
  const auto flag = [&](ActiveHealth bit, std::string_view name) {
    if ((host.active_health & bit) != 0) json.member(name, true);
  };
  json.begin_object();
  flag(kFailedActiveHc, "failed_active_health_check");
  if (host.failed_outlier_check) json.member("failed_outlier_check", true);
  json.member("eds_health_status", eds_health_name(host.endpoint->health));
  flag(kDegradedActiveHc, "failed_active_degraded_check");
  flag(kPendingDynamicRemoval, "pending_dynamic_removal");
  flag(kPendingActiveHc, "pending_active_hc");
  flag(kExcludedViaImmediateFail, "excluded_via_immediate_hc_fail");
  flag(kActiveHcTimeout, "active_hc_timeout");
  json.end_object();
}

void write_host(JsonWriter& json, const AdminHost& host) {
  const Endpoint& endpoint = *host.endpoint;
  json.begin_object();
  json.key("address");
  write_address(json, endpoint.address);
  write_stats(json, host);
  json.key("health_status");
  write_health(json, host);
  write_percent(json, "success_rate", host.success_rate);
  json.member("weight", endpoint.weight);
  if (!endpoint.hostname.empty()) json.member("hostname", endpoint.hostname);
  if (endpoint.priority != 0) json.member("priority", endpoint.priority);
  write_percent(json, "local_origin_success_rate", host.local_origin_success_rate);
  write_locality(json, *endpoint.locality);
  json.end_object();
}

void write_limits(JsonWriter& json, const Thresholds& limits, bool high) {
  json.begin_object();
  if (high) json.member("priority", "HIGH");
  json.member("max_connections", limits.max_connections);
  json.member("max_pending_requests", limits.max_pending_requests);
  json.member("max_requests", limits.max_requests);
  json.member("max_retries", limits.max_retries);
  json.end_object();
}

void write_circuit_breakers(JsonWriter& json, const ClusterConfig& config) {
  json.key("circuit_breakers");
  json.begin_object();
  json.key("thresholds");
  json.begin_array();
  write_limits(json, config.default_priority, false);
  write_limits(json, config.high_priority, true);
  json.end_array();
  json.end_object();
}

void write_cluster(JsonWriter& json, const AdminCluster& cluster) {
  const ClusterConfig& config = *cluster.config;
  json.begin_object();
  json.member("name", config.name);
  if (config.added_via_api) json.member("added_via_api", true);
  write_percent(json, "success_rate_ejection_threshold", cluster.success_rate_ejection_threshold);
  if (!cluster.hosts.empty()) {
    json.key("host_statuses");
    json.begin_array();
    for (const AdminHost& host : cluster.hosts) write_host(json, host);
    json.end_array();
  }
  write_circuit_breakers(json, config);
  json.member("observability_name", config.alt_stat_name->empty() ? config.name : *config.alt_stat_name);
  if (config.discovery == ClusterConfig::Discovery::kEds)
    json.member("eds_service_name", endpoints_name(config));
  json.end_object();
}

Response clusters_json(AdminView& view, const std::function<bool(const AdminCluster&)>& wanted) {
  std::string body;
  JsonWriter json(body);
  bool any = false;
  json.begin_object();
  view.each_cluster([&](const AdminCluster& cluster) {
    if (!wanted(cluster)) return;
    if (!any) {
      json.key("cluster_statuses");
      json.begin_array();
      any = true;
    }
    write_cluster(json, cluster);
  });
  if (any) json.end_array();
  json.end_object();
  return Response::json(std::move(body));
}

}  // namespace

Response clusters(const Request& request, AdminSources& sources) {
  std::unique_ptr<re2::RE2> filter;
  if (const auto pattern = request.parameter("filter")) {
    filter = std::make_unique<re2::RE2>(re2::StringPiece(pattern->data(), pattern->size()), re2::RE2::Quiet);
    if (!filter->ok()) return Response::text("Invalid re2 regex: " + filter->error() + "\n", 400);
  }
  const auto wanted = [&filter](const AdminCluster& cluster) {
    return filter == nullptr || re2::RE2::PartialMatch(cluster.config->name, *filter);
  };
  if (request.parameter("format") == "json") return clusters_json(sources.view, wanted);
  std::string body;
  sources.view.each_cluster([&](const AdminCluster& cluster) {
    if (wanted(cluster)) append_text(body, cluster);
  });
  return Response::text(std::move(body));
}

}  // namespace remora::admin
