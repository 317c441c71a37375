#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

void read_duration(Fields& fields, std::string_view name, std::optional<Duration>& out) {
  Duration duration{};
  if (fields.duration(name, duration)) out = duration;
}

/// The kernel counts in seconds.
void read_whole_seconds(Fields& fields, std::string_view name, std::optional<Duration>& out) {
  read_duration(fields, name, out);
  if (out && (*out < std::chrono::seconds(1) || *out % std::chrono::seconds(1) != Duration::zero()))
    fields.error(name, "must be whole seconds");
}

RetryBudget read_retry_budget(Fields& fields) {
  RetryBudget budget;
  fields.number("percent", 0, 100, budget.percent);
  std::optional<uint32_t> least;
  fields.unsigned_integer("minRetryConcurrency", least);
  budget.min_concurrency = least.value_or(budget.min_concurrency);
  return budget;
}

LoadBalancer read_load_balancer(Fields& fields) {
  enum class Simple { kUnspecified, kRoundRobin, kLeastConn, kRandom, kPassthrough, kLeastRequest };
  static const Words<Simple> kWords{
      {"UNSPECIFIED", Simple::kUnspecified}, {"LEAST_CONN", Simple::kLeastConn},
      {"RANDOM", Simple::kRandom},           {"PASSTHROUGH", Simple::kPassthrough},
      {"ROUND_ROBIN", Simple::kRoundRobin},  {"LEAST_REQUEST", Simple::kLeastRequest}};
  Simple simple = Simple::kUnspecified;
  fields.word("simple", kWords, simple);
  if (simple == Simple::kPassthrough) return LoadBalancer::kPassthrough;
  if (simple == Simple::kLeastConn) fields.warning("simple", "LEAST_CONN is deprecated: write LEAST_REQUEST");
  if (simple == Simple::kRoundRobin) return LoadBalancer::kRoundRobin;
  return simple == Simple::kRandom ? LoadBalancer::kRandom : LoadBalancer::kLeastRequest;
}

void read_tcp_pool(Fields& fields, ConnectionPool& pool) {
  fields.unsigned_integer("maxConnections", pool.max_connections, 1U);
  read_duration(fields, "connectTimeout", pool.connect_timeout);
  fields.object("tcpKeepalive", [&](Fields& item) {
    auto& keepalive = pool.tcp_keepalive.emplace();
    item.unsigned_integer("probes", keepalive.probes, 1U);
    read_whole_seconds(item, "time", keepalive.time);
    read_whole_seconds(item, "interval", keepalive.interval);
  });
  read_duration(fields, "maxConnectionDuration", pool.max_connection_duration);
  read_duration(fields, "idleTimeout", pool.tcp_idle_timeout);
}

void read_http_pool(Fields& fields, ConnectionPool& pool) {
  fields.unsigned_integer("http1MaxPendingRequests", pool.http1_max_pending_requests, 1U);
  fields.unsigned_integer("http2MaxRequests", pool.http2_max_requests, 1U);
  fields.unsigned_integer("maxRequestsPerConnection", pool.max_requests_per_connection, 0U, 0x7fffffffU);
  fields.unsigned_integer("maxRetries", pool.max_retries, 0U);
  read_duration(fields, "idleTimeout", pool.idle_timeout);
  static const Words<bool> kUpgrades{{"DEFAULT", false}, {"DO_NOT_UPGRADE", false}, {"UPGRADE", true}};
  fields.word("h2UpgradePolicy", kUpgrades, pool.upgrade_to_http2);
  fields.boolean("useClientProtocol", pool.use_client_protocol);
  if (pool.upgrade_to_http2 && pool.use_client_protocol) {
    fields.error("useClientProtocol", "cannot stand beside h2UpgradePolicy UPGRADE");
  }
  fields.unsigned_integer("maxConcurrentStreams", pool.max_concurrent_streams, 1U, 0x7fffffffU);
  fields.unsupported("http2KeepAlive", Severity::kWarning, "is not implemented");
}

OutlierDetection read_outlier_detection(Fields& fields) {
  OutlierDetection outlier;
  std::optional<uint32_t> old_name;
  if (fields.unsigned_integer("consecutiveErrors", old_name)) {
    fields.warning("consecutiveErrors",
                   "is deprecated: it counts as consecutiveGatewayErrors, write that or "
                   "consecutive5xxErrors");
    outlier.consecutive_gateway_errors = old_name;
  }
  fields.unsigned_integer("consecutive5xxErrors", outlier.consecutive_5xx_errors);
  fields.unsigned_integer("consecutiveGatewayErrors", outlier.consecutive_gateway_errors);
  fields.unsigned_integer("consecutiveLocalOriginFailures", outlier.consecutive_local_origin_failures);
  fields.boolean("splitExternalLocalOriginErrors", outlier.split_external_local_origin_errors);
  read_duration(fields, "interval", outlier.interval);
  read_duration(fields, "baseEjectionTime", outlier.base_ejection_time);
  fields.unsigned_integer("maxEjectionPercent", outlier.max_ejection_percent, 0U, 100U);
  fields.unsigned_integer("minHealthPercent", outlier.min_health_percent, 0U, 100U);
  return outlier;
}

void require(Fields& fields, std::string_view name, const std::string& value) {
  if (value.empty()) fields.error(name, "is required for MUTUAL");
}

ClientTls read_tls(Fields& fields) {
  using Mode = ClientTls::Mode;
  static const Words<Mode> kModes{{"DISABLE", Mode::kDisable},
                                  {"SIMPLE", Mode::kSimple},
                                  {"MUTUAL", Mode::kMutual},
                                  {"ISTIO_MUTUAL", Mode::kIstioMutual}};
  ClientTls tls;
  fields.word("mode", kModes, tls.mode);
  fields.string("clientCertificate", tls.client_certificate);
  fields.string("privateKey", tls.private_key);
  fields.string("caCertificates", tls.ca_certificates);
  fields.strings("subjectAltNames", tls.subject_alt_names);
  fields.string("sni", tls.sni);
  fields.boolean("insecureSkipVerify", tls.insecure_skip_verify);
  fields.unsupported("credentialName", Severity::kError, "is not implemented: name files");
  fields.string("caCrl", tls.ca_crl);
  if (tls.mode == Mode::kMutual) {
    require(fields, "clientCertificate", tls.client_certificate);
    require(fields, "privateKey", tls.private_key);
  } else {
    for (const char* name : {"clientCertificate", "privateKey"}) {
      if (fields.has(name)) fields.error(name, "is for MUTUAL only");
    }
  }
  if (tls.mode == Mode::kIstioMutual && fields.has("caCertificates")) {
    fields.error("caCertificates", "has no place beside ISTIO_MUTUAL, which brings the mesh's own");
  }
  if (!tls.ca_crl.empty() && tls.ca_certificates.empty())
    fields.error("caCrl", "needs caCertificates: it lists what these have signed");
  return tls;
}

ProxyProtocol read_proxy_protocol(Fields& fields) {
  static const Words<ProxyProtocol> kVersions{{"V1", ProxyProtocol::kV1}, {"V2", ProxyProtocol::kV2}};
  ProxyProtocol version = ProxyProtocol::kV1;
  fields.word("version", kVersions, version);
  return version;
}

PolicySettings read_settings(Fields& fields) {
  PolicySettings settings;
  fields.object("loadBalancer", [&](Fields& item) {
    settings.load_balancer = read_load_balancer(item);
    settings.localities = read_locality_balancing(item);
    settings.warmup = read_warmup(item);
    settings.consistent_hash = read_consistent_hash(item);
    if (settings.consistent_hash) {
      settings.load_balancer = LoadBalancer::kConsistentHash;
      if (item.has("simple")) item.error("consistentHash", "cannot stand beside simple");
    }
    const bool warms = settings.load_balancer == LoadBalancer::kLeastRequest ||
                       settings.load_balancer == LoadBalancer::kRoundRobin;
    if (settings.warmup && !warms)
      item.error(item.has("warmup") ? "warmup" : "warmupDurationSecs",
                 "is only for LEAST_REQUEST and ROUND_ROBIN");
  });
  fields.object("connectionPool",
                [&](Fields& item) { settings.connection_pool = read_connection_pool(item); });
  fields.object("outlierDetection",
                [&](Fields& item) { settings.outlier_detection = read_outlier_detection(item); });
  fields.object("tls", [&](Fields& item) { settings.tls = read_tls(item); });
  return settings;
}

}  // namespace

ConnectionPool read_connection_pool(Fields& fields) {
  ConnectionPool pool;
  fields.object("tcp", [&](Fields& item) { read_tcp_pool(item, pool); });
  fields.object("http", [&](Fields& item) { read_http_pool(item, pool); });
  return pool;
}

TrafficPolicy read_traffic_policy(Fields& fields) {
  TrafficPolicy policy;
  policy.settings = read_settings(fields);
  fields.objects("portLevelSettings", [&](Fields& item) {
    std::optional<uint16_t> number;
    item.object("port", [&](Fields& port) { read_port(port, "number", number); });
    PolicySettings settings = read_settings(item);
    if (!number) {
      item.error("port", "must have a number");
    } else if (!policy.ports.emplace(*number, std::move(settings)).second) {
      item.error("port", "port " + std::to_string(*number) + " has settings already");
    }
  });
  fields.unsupported("tunnel", Severity::kError, "is not implemented");
  fields.object("proxyProtocol",
                [&](Fields& item) { policy.settings.proxy_protocol = read_proxy_protocol(item); });
  fields.object("retryBudget", [&](Fields& item) { policy.settings.retry_budget = read_retry_budget(item); });
  return policy;
}

}  // namespace remora::istio
