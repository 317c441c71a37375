#include <algorithm>
#include <cctype>

#include "istio/parse/readers.h"

// A Canary's analysis: steps, metrics, webhooks, alerts.
namespace remora::istio {
namespace {

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

}  // namespace

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

CanaryAnalysis read_analysis(Fields& fields) {
  CanaryAnalysis analysis;
  read_steps(fields, analysis);
  fields.objects("match", [&](Fields& match) { analysis.match.push_back(read_http_match(match, true)); });
  read_session_affinity(fields, analysis);
  fields.objects("metrics", [&](Fields& item) { analysis.metrics.push_back(read_metric(item)); });
  fields.objects("webhooks", [&](Fields& item) { analysis.webhooks.push_back(read_webhook(item)); });
  fields.objects("alerts", [&](Fields& item) { analysis.alerts.push_back(read_alert(item)); });
  if (analysis.mirror && !analysis.match.empty()) {
    fields.warning("mirror", "has no effect beside match, as in Flagger");
  }
  return analysis;
}

}  // namespace remora::istio
