#include <algorithm>

#include "istio/parse.h"

namespace remora::istio {
namespace {

constexpr std::string_view kNoGatewayApi = "has no effect: it belongs to providers other than istio";

void read_reference(Fields& fields, std::string_view name, std::optional<ObjectReference>& out) {
  fields.object(name, [&](Fields& item) {
    ObjectReference reference;
    item.string("name", reference.name);
    if (reference.name.empty()) item.error("name", "is required");
    item.string("namespace", reference.ns);
    item.ignore({"apiVersion", "kind"});
    out = std::move(reference);
  });
}

void read_metadata(Fields& fields, std::string_view name, CustomMetadata& out) {
  fields.object(name, [&](Fields& item) {
    item.string_map("labels", out.labels);
    item.string_map("annotations", out.annotations);
  });
}

void read_target(Fields& spec, Canary& canary) {
  spec.object("targetRef", [&](Fields& target) {
    static const Words<int> kKinds{{"Deployment", 0}, {"DaemonSet", 0}, {"Service", 1}};
    int kind = 0;
    target.word("kind", kKinds, kind);
    if (kind == 1) target.error("kind", "Service is not implemented: name the workloads by their label app");
    target.string("kind", canary.target_kind);
    target.string("name", canary.target_name);
    target.ignore({"apiVersion"});
  });
  if (canary.target_name.empty()) spec.error("targetRef", "must name the workload to roll out");
}

/// What goes into the VirtualService's routes as it stands, checked as it would be there.
void check_route_parts(Fields& fields) {
  HttpRoute route;
  fields.objects("match", [&](Fields& match) { route.match.push_back(read_http_match(match)); });
  fields.object("rewrite", [&](Fields& item) {
    std::string ignored;
    item.string("uri", ignored);
    item.string("authority", ignored);
    item.unsupported("type", Severity::kWarning, kNoGatewayApi);
  });
  read_retries(fields, route);
  Duration timeout{};
  fields.duration("timeout", timeout, true);
  route.headers = read_headers(fields);
  fields.object("trafficPolicy", [](Fields& item) { read_traffic_policy(item); });
  fields.unsupported("corsPolicy", Severity::kError, "is not implemented: the proxy has no CORS filter yet");
}

void read_service_ports(Fields& fields, CanaryService& service) {
  std::optional<uint16_t> port;
  if (!read_port(fields, "port", port) && !fields.has("port")) fields.error("port", "is required");
  service.port = port.value_or(0);
  fields.string("portName", service.port_name);
  if (fields.is_string("targetPort")) {
    fields.string("targetPort", service.target_port_name);
  } else {
    long long number = 0;
    if (fields.integer("targetPort", 0, 65535, number) && number > 0) {
      service.target_port = static_cast<uint16_t>(number);
    }
  }
  if (fields.string("appProtocol", service.app_protocol) && service.app_protocol == "tcp") {
    fields.error("appProtocol", "tcp is not implemented: rollouts steer HTTP requests");
  }
  fields.boolean("portDiscovery", service.port_discovery);
  if (service.port_discovery) {
    fields.warning("portDiscovery", "has no effect: a workload's ports are known from its Services only");
  }
  fields.boolean("headless", service.headless);
}

CanaryService read_canary_service(Fields& fields) {
  CanaryService service;
  fields.string("name", service.name);
  read_service_ports(fields, service);
  fields.strings("hosts", service.hosts);
  fields.strings("gateways", service.gateways);
  for (const std::string& gateway : service.gateways) {
    if (gateway != "mesh") {
      fields.warning("gateways", "gateway \"" + gateway + "\" is not served: this build has the mesh only");
    }
  }
  check_route_parts(fields);
  read_metadata(fields, "apex", service.apex);
  read_metadata(fields, "primary", service.primary);
  read_metadata(fields, "canary", service.canary);
  fields.object("unmanagedMetadata", [&](Fields& item) {
    item.strings("annotations", service.unmanaged_annotations);
    item.strings("labels", service.unmanaged_labels);
  });
  bool delegation = false;
  if (fields.boolean("delegation", delegation) && delegation) {
    fields.error("delegation", "is not implemented: VirtualServices cannot delegate in this build");
  }
  fields.unsupported("trafficDistribution", Severity::kWarning,
                     "is not implemented: all endpoints get traffic");
  for (const char* name : {"mirror", "gatewayRefs", "meshName", "backends", "backendTimeout"}) {
    fields.unsupported(name, Severity::kWarning, kNoGatewayApi);
  }
  return service;
}

void read_comparison(Fields& item, CanaryMetric& metric) {
  item.object("compare", [&](Fields& fields) {
    static const Words<int> kAgainst{{"primary", 0}};
    int against = 0;
    fields.word("against", kAgainst, against);
    MetricComparison comparison;
    fields.number("errorRate", 0.000001, 0.5, comparison.error_rate);
    fields.number("margin", 0, 1, comparison.margin);
    metric.compare = comparison;
  });
  if (metric.compare && !metric.builtin()) {
    item.error("compare", "is for request-success-rate and request-duration only");
  }
}

void check_metric(const Fields& item, const CanaryMetric& metric) {
  if (metric.name.empty()) item.error("name", "is required");
  if (!metric.builtin() && !metric.template_ref && metric.query.empty()) {
    item.error("", "\"" + metric.name + "\" is no built-in metric: it needs templateRef or query");
  }
  if (!metric.has_range && !item.has("threshold") && !metric.compare) {
    item.warning("", "has no thresholdRange: Flagger then compares with 0");
  }
  if (metric.min_samples > 0 && !metric.builtin()) {
    item.error("minSamples",
               "is for request-success-rate and request-duration only: others do not count requests");
  }
}

CanaryMetric read_metric(Fields& item) {
  CanaryMetric metric;
  item.string("name", metric.name);
  if (item.duration("interval", metric.interval)) item.string("interval", metric.interval_text);
  item.object("thresholdRange", [&](Fields& range) {
    double value = 0;
    if (range.number("min", -1e300, 1e300, value)) metric.range.min = value;
    if (range.number("max", -1e300, 1e300, value)) metric.range.max = value;
    metric.has_range = true;
  });
  if (item.number("threshold", -1e300, 1e300, metric.threshold)) {
    item.warning("threshold", "is deprecated: write thresholdRange");
  }
  if (item.string("query", metric.query)) item.warning("query", "is deprecated: write a MetricTemplate");
  read_reference(item, "templateRef", metric.template_ref);
  item.string_map("templateVariables", metric.template_variables);
  std::optional<uint64_t> samples;
  if (item.unsigned_integer<uint64_t>("minSamples", samples, 0, 1'000'000'000)) metric.min_samples = *samples;
  static const Words<bool> kNoData{{"fail", false}, {"inconclusive", true}};
  item.word("noData", kNoData, metric.no_data_inconclusive);
  read_comparison(item, metric);
  check_metric(item, metric);
  return metric;
}

CanaryWebhook read_webhook(Fields& item) {
  static const Words<HookType> kTypes{{"rollout", HookType::kRollout},
                                      {"pre-rollout", HookType::kPreRollout},
                                      {"confirm-rollout", HookType::kConfirmRollout},
                                      {"confirm-traffic-increase", HookType::kConfirmTrafficIncrease},
                                      {"confirm-promotion", HookType::kConfirmPromotion},
                                      {"post-rollout", HookType::kPostRollout},
                                      {"rollback", HookType::kRollback},
                                      {"event", HookType::kEvent},
                                      {"", HookType::kRollout}};
  CanaryWebhook hook;
  item.word("type", kTypes, hook.type);
  item.string("name", hook.name);
  item.string("url", hook.url);
  if (!hook.url.starts_with("http://") && !hook.url.starts_with("https://")) {
    item.error("url", "must be an http:// or https:// URL");
  }
  item.duration("timeout", hook.timeout);
  std::optional<uint32_t> retries;
  if (item.unsigned_integer("retries", retries, 0U, 100U)) hook.retries = *retries;
  item.string_map("metadata", hook.metadata);
  item.boolean("muteAlert", hook.mute_alert);
  item.boolean("disableTLS", hook.disable_tls);
  return hook;
}

CanaryAlert read_alert(Fields& item) {
  static const Words<AlertSeverity> kSeverities{
      {"info", AlertSeverity::kInfo}, {"warn", AlertSeverity::kWarn}, {"error", AlertSeverity::kError}};
  CanaryAlert alert;
  item.string("name", alert.name);
  AlertSeverity severity{};
  if (item.word("severity", kSeverities, severity)) alert.severity = severity;
  std::optional<ObjectReference> provider;
  read_reference(item, "providerRef", provider);
  if (!provider && !item.has("providerRef")) item.error("providerRef", "is required");
  alert.provider = provider.value_or(ObjectReference{});
  return alert;
}

/// A cookie's name becomes part of a header and of a regular expression.
void read_cookie_name(Fields& item, std::string_view name, std::string& out) {
  if (!item.string(name, out)) return;
  const auto is_token = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  if (out.empty() || !std::all_of(out.begin(), out.end(), is_token)) {
    item.error(name, "must consist of letters, digits, - and _");
  }
}

void read_attribute(Fields& item, std::string_view name, std::string& out) {
  if (!item.string(name, out)) return;
  if (std::any_of(out.begin(), out.end(),
                  [](unsigned char c) { return c <= ' ' || c == ';' || c >= 0x7f; })) {
    item.error(name, "holds a character that a cookie's attribute may not have");
  }
}

void read_session_affinity(Fields& fields, CanaryAnalysis& analysis) {
  fields.object("sessionAffinity", [&](Fields& item) {
    SessionAffinity affinity;
    read_cookie_name(item, "cookieName", affinity.cookie_name);
    if (!item.has("cookieName")) item.error("cookieName", "is required");
    read_cookie_name(item, "primaryCookieName", affinity.primary_cookie_name);
    if (affinity.cookie_name == affinity.primary_cookie_name) {
      item.error("primaryCookieName", "must differ from cookieName");
    }
    read_attribute(item, "domain", affinity.domain);
    read_attribute(item, "path", affinity.path);
    read_attribute(item, "sameSite", affinity.same_site);
    item.boolean("httpOnly", affinity.http_only);
    item.boolean("partitioned", affinity.partitioned);
    item.boolean("secure", affinity.secure);
    std::optional<uint32_t> age;
    if (item.unsigned_integer("maxAge", age) && *age > 0) affinity.max_age = *age;
    analysis.session_affinity = std::move(affinity);
  });
}

void read_percent(Fields& fields, std::string_view name, uint32_t& out) {
  std::optional<uint32_t> value;
  if (fields.unsigned_integer(name, value, 0U, 100U)) out = *value;
}

void read_step_weights(Fields& fields, CanaryAnalysis& analysis) {
  fields.integers("stepWeights", 0, 100, [&](long long weight) {
    if (!analysis.step_weights.empty() && weight <= analysis.step_weights.back()) {
      fields.error("stepWeights", "must grow from step to step");
    }
    analysis.step_weights.push_back(static_cast<uint32_t>(weight));
  });
  if (!analysis.step_weights.empty() && analysis.step_weights.front() == 0) {
    fields.error("stepWeights", "must begin above 0");
  }
  if (!analysis.step_weights.empty() && analysis.step_weight > 0) {
    fields.warning("stepWeights", "only its last weight counts (as maxWeight) where stepWeight is given");
  }
}

void read_steps(Fields& fields, CanaryAnalysis& analysis) {
  fields.duration("interval", analysis.interval);
  if (analysis.interval < std::chrono::seconds(10)) {
    fields.warning("interval",
                   "is below Flagger's minimum of 10s, which counts instead unless remora-control "
                   "was started with a smaller --rollout-min-interval");
  }
  std::optional<uint32_t> value;
  if (fields.unsigned_integer("threshold", value) && *value > 0) analysis.threshold = *value;
  if (fields.unsigned_integer("iterations", value)) analysis.iterations = *value;
  read_percent(fields, "maxWeight", analysis.max_weight);
  if (analysis.max_weight == 0) analysis.max_weight = 100;
  read_percent(fields, "stepWeight", analysis.step_weight);
  read_step_weights(fields, analysis);
  read_percent(fields, "stepWeightPromotion", analysis.step_weight_promotion);
  fields.boolean("mirror", analysis.mirror);
  read_percent(fields, "mirrorWeight", analysis.mirror_weight);
  if (fields.boolean("mirrorGate", analysis.mirror_gate) && analysis.mirror_gate && !analysis.mirror) {
    fields.error("mirrorGate", "needs mirror: true");
  }
  read_percent(fields, "primaryReadyThreshold", analysis.primary_ready_threshold);
  read_percent(fields, "canaryReadyThreshold", analysis.canary_ready_threshold);
}

CanaryAnalysis read_analysis(Fields& fields) {
  CanaryAnalysis analysis;
  read_steps(fields, analysis);
  fields.objects("match", [&](Fields& match) { analysis.match.push_back(read_http_match(match)); });
  read_session_affinity(fields, analysis);
  fields.objects("metrics", [&](Fields& item) { analysis.metrics.push_back(read_metric(item)); });
  fields.objects("webhooks", [&](Fields& item) { analysis.webhooks.push_back(read_webhook(item)); });
  fields.objects("alerts", [&](Fields& item) { analysis.alerts.push_back(read_alert(item)); });
  if (analysis.mirror && !analysis.match.empty()) {
    fields.warning("mirror", "has no effect beside match, as in Flagger");
  }
  return analysis;
}

void read_canary_analysis(Fields& spec, Canary& canary) {
  const bool legacy = !spec.has("analysis") && spec.has("canaryAnalysis");
  if (spec.has("analysis") && spec.has("canaryAnalysis")) {
    spec.warning("canaryAnalysis", "has no effect beside analysis");
    spec.ignore({"canaryAnalysis"});
  }
  if (legacy) spec.warning("canaryAnalysis", "is deprecated: write analysis");
  const std::string_view name = legacy ? "canaryAnalysis" : "analysis";
  const bool given = spec.object(name, [&](Fields& fields) { canary.analysis = read_analysis(fields); });
  if (!given && !spec.has(name)) {
    canary.skip_analysis = true;
    spec.warning("analysis", "is not given: new revisions are promoted at once");
  }
  const CanaryAnalysis& analysis = canary.analysis;
  if (given && !canary.skip_analysis && analysis.iterations == 0 && analysis.step_weight == 0 &&
      analysis.step_weights.empty()) {
    spec.warning(name, "never advances: it has neither stepWeight, stepWeights nor iterations");
  }
}

}  // namespace

Canary read_canary(Fields& spec) {
  Canary canary;
  std::string provider;
  if (spec.string("provider", provider) && !provider.empty() && provider != "istio") {
    spec.error("provider", "\"" + provider + "\" is not implemented: traffic is steered as istio does");
  }
  spec.string("metricsServer", canary.metrics_server);
  if (!canary.metrics_server.empty() && !canary.metrics_server.starts_with("http://") &&
      !canary.metrics_server.starts_with("https://")) {
    spec.error("metricsServer", "must be an http:// or https:// URL");
  }
  read_target(spec, canary);
  if (!spec.object("service", [&](Fields& fields) { canary.service = read_canary_service(fields); }) &&
      !spec.has("service")) {
    spec.error("service", "is required");
  }
  std::optional<uint32_t> deadline;
  if (spec.unsigned_integer("progressDeadlineSeconds", deadline)) canary.progress_deadline_seconds = deadline;
  spec.boolean("skipAnalysis", canary.skip_analysis);
  spec.boolean("suspend", canary.suspend);
  spec.boolean("revertOnDeletion", canary.revert_on_deletion);
  read_canary_analysis(spec, canary);
  spec.unsupported("autoscalerRef", Severity::kWarning, "has no effect: nothing here scales workloads");
  for (const char* name : {"ingressRef", "routeRef", "upstreamRef"}) {
    spec.unsupported(name, Severity::kWarning, kNoGatewayApi);
  }
  return canary;
}

MetricTemplate read_metric_template(Fields& spec) {
  MetricTemplate result;
  const bool given = spec.object("provider", [&](Fields& provider) {
    provider.string("type", result.provider_type);
    if (result.provider_type != "prometheus") {
      provider.error("type", "\"" + result.provider_type + "\" is not implemented: only prometheus is");
    }
    provider.string("address", result.address);
    if (!result.address.starts_with("http://") && !result.address.starts_with("https://")) {
      provider.error("address", "must be an http:// or https:// URL");
    }
    provider.object("headers", [&](Fields& headers) {
      for (const std::string& name : headers.names()) {
        std::vector<std::string> values;
        headers.strings(name, values);
        if (values.size() > 1) headers.error(name, "must have one value");
        if (values.size() == 1) result.headers[name] = values.front();
      }
    });
    provider.object("secretRef", [&](Fields& secret) { secret.string("name", result.secret); });
    provider.boolean("insecureSkipVerify", result.insecure_skip_verify);
    provider.unsupported("region", Severity::kWarning, "has no effect: it belongs to other providers");
  });
  if (!given && !spec.has("provider")) spec.error("provider", "is required");
  spec.string("query", result.query);
  if (result.query.empty()) spec.error("query", "is required");
  return result;
}

AlertProvider read_alert_provider(Fields& spec) {
  static const Words<int> kTypes{{"slack", 0}, {"msteams", 0}, {"discord", 0}, {"rocket", 0}, {"gchat", 0}};
  AlertProvider result;
  int type = 0;
  spec.word("type", kTypes, type);
  spec.string("type", result.type);
  if (result.type.empty()) spec.error("type", "is required");
  spec.string("channel", result.channel);
  spec.string("username", result.username);
  if (spec.string("address", result.address) && !result.address.starts_with("http://") &&
      !result.address.starts_with("https://")) {
    spec.error("address", "must be an http:// or https:// URL");
  }
  spec.object("secretRef", [&](Fields& secret) { secret.string("name", result.secret); });
  if (result.address.empty() && result.secret.empty() && !spec.has("address") && !spec.has("secretRef")) {
    spec.error("", "needs address or secretRef");
  }
  spec.unsupported("proxy", Severity::kError, "is not implemented: alerts are posted directly");
  return result;
}

}  // namespace remora::istio
