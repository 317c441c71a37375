#include <algorithm>
#include <cctype>

#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

constexpr const char* kOnlyHttp = "has no effect: appProtocol tcp steers connections, not requests";
constexpr std::string_view kNoGatewayApi = "has no effect: it belongs to providers other than istio";

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
    target.string("kind", canary.target_kind);
    target.string("name", canary.target_name);
    target.ignore({"apiVersion"});
  });
  if (canary.target_name.empty()) spec.error("targetRef", "must name the workload to roll out");
}

void read_autoscaler(Fields& spec, Canary& canary) {
  spec.object("autoscalerRef", [&](Fields& fields) {
    static const Words<int> kKinds{{"HorizontalPodAutoscaler", 0}, {"ScaledObject", 1}};
    AutoscalerReference reference;
    int kind = 0;
    fields.word("kind", kKinds, kind);
    if (kind == 1) fields.error("kind", "ScaledObject is not implemented: HorizontalPodAutoscaler is");
    fields.string("name", reference.name);
    if (reference.name.empty()) fields.error("name", "is required");
    fields.object("primaryScalerReplicas", [&](Fields& bounds) {
      bounds.unsigned_integer("minReplicas", reference.primary_min);
      bounds.unsigned_integer("maxReplicas", reference.primary_max);
    });
    fields.unsupported("primaryScalerQueries", Severity::kWarning,
                       "has no effect: it belongs to ScaledObject");
    fields.ignore({"apiVersion"});
    canary.autoscaler = std::move(reference);
  });
}

/// What goes into the VirtualService's routes as it stands, checked as it would be there.
void check_route_parts(Fields& fields) {
  HttpRoute route;
  fields.objects("match", [&](Fields& match) { route.match.push_back(read_http_match(match, true)); });
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
  read_cors_policy(fields, route.cors);
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
  fields.string("appProtocol", service.app_protocol);
  std::string lower = service.app_protocol;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  service.tcp = lower == "tcp";
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
  check_route_parts(fields);
  if (service.tcp) {
    for (const char* name : {"rewrite", "retries", "timeout", "headers", "corsPolicy"}) {
      if (fields.has(name)) fields.warning(name, kOnlyHttp);
    }
  }
  read_metadata(fields, "apex", service.apex);
  read_metadata(fields, "primary", service.primary);
  read_metadata(fields, "canary", service.canary);
  fields.object("unmanagedMetadata", [&](Fields& item) {
    item.strings("annotations", service.unmanaged_annotations);
    item.strings("labels", service.unmanaged_labels);
  });
  fields.boolean("delegation", service.delegation);
  if (service.delegation && (!service.hosts.empty() || !service.gateways.empty())) {
    fields.warning(
        "delegation",
        "leaves hosts and gateways to the VirtualService that delegates: both have no effect here");
  }
  fields.unsupported("trafficDistribution", Severity::kWarning,
                     "is not implemented: all endpoints get traffic");
  for (const char* name : {"mirror", "gatewayRefs", "meshName", "backends", "backendTimeout"}) {
    fields.unsupported(name, Severity::kWarning, kNoGatewayApi);
  }
  return service;
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

/// Nothing but the weights of connections can be steered there, and proxies count no requests.
void limit_to_tcp(Fields& spec, CanaryAnalysis& analysis) {
  const auto warn = [&](bool given, const char* field) {
    if (given) spec.warning("analysis", std::string(field) + ' ' + kOnlyHttp);
  };
  warn(!analysis.match.empty(), "match");
  warn(analysis.mirror, "mirror");
  warn(analysis.session_affinity.has_value(), "sessionAffinity");
  analysis.match.clear();
  analysis.mirror = false;
  analysis.session_affinity.reset();
  for (const CanaryMetric& metric : analysis.metrics) {
    if (metric.builtin() && !metric.template_ref) {
      spec.warning("analysis", "metrics: " + metric.name +
                                   " never has a value: it counts requests, and appProtocol is tcp");
    }
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
  if (canary.service.tcp) limit_to_tcp(spec, canary.analysis);
  read_autoscaler(spec, canary);
  if (canary.autoscaler && canary.target_kind == "Service") {
    spec.warning("autoscalerRef", "has no effect: targetRef is a Service, which nobody scales");
  }
  for (const char* name : {"ingressRef", "routeRef", "upstreamRef"}) {
    spec.unsupported(name, Severity::kWarning, kNoGatewayApi);
  }
  return canary;
}

}  // namespace remora::istio
