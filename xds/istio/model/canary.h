#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "istio/model/virtual_service.h"
#include "istio/text/scalar.h"

namespace remora::istio {

/// A reference to another object; an empty namespace means the referrer's.
struct ObjectReference {
  std::string name;
  std::string ns;
};

/// What a metric's value must lie within to pass.
struct ThresholdRange {
  std::optional<double> min;
  std::optional<double> max;
};

/// Ours: the canary beside the primary over the same time, instead of a bare threshold.
struct MetricComparison {
  double error_rate = 0.01;  ///< the chance of a wrong verdict over the whole analysis
  double margin = 0.01;      ///< by how much the canary's share of bad requests may exceed the primary's
};

struct CanaryMetric {
  std::string name;
  Duration interval = std::chrono::minutes(1);
  std::string interval_text = "1m";  ///< as written: queries hold it
  ThresholdRange range;
  double threshold = 0;  ///< legacy; counts where there is no range
  bool has_range = false;
  std::string query;
  std::optional<ObjectReference> template_ref;
  std::map<std::string, std::string> template_variables;

  uint64_t min_samples = 0;                 ///< ours: fewer requests are inconclusive
  bool no_data_inconclusive = false;        ///< ours: noData: inconclusive
  std::optional<MetricComparison> compare;  ///< ours

  bool is_success_rate() const { return name == "request-success-rate"; }
  bool is_duration() const { return name == "request-duration"; }
  bool builtin() const { return is_success_rate() || is_duration(); }
};

enum class HookType {
  kRollout,
  kPreRollout,
  kConfirmRollout,
  kConfirmTrafficIncrease,
  kConfirmPromotion,
  kPostRollout,
  kRollback,
  kEvent
};

struct CanaryWebhook {
  HookType type = HookType::kRollout;
  std::string name;
  std::string url;
  Duration timeout = std::chrono::seconds(10);
  uint32_t retries = 0;
  std::map<std::string, std::string> metadata;
  bool mute_alert = false;
  bool disable_tls = false;
};

enum class AlertSeverity { kInfo, kWarn, kError };

struct CanaryAlert {
  std::string name;
  std::optional<AlertSeverity> severity;
  ObjectReference provider;
};

struct SessionAffinity {
  std::string cookie_name;
  std::string primary_cookie_name;
  std::string domain;
  std::string path;
  std::string same_site;
  bool http_only = false;
  bool partitioned = false;
  bool secure = false;
  uint32_t max_age = 86400;
};

struct CanaryAnalysis {
  Duration interval = std::chrono::seconds(60);
  uint32_t threshold = 1;
  uint32_t iterations = 0;
  uint32_t max_weight = 100;
  uint32_t step_weight = 0;
  std::vector<uint32_t> step_weights;
  uint32_t step_weight_promotion = 0;
  bool mirror = false;
  uint32_t mirror_weight = 0;  ///< 0: all requests
  bool mirror_gate = false;    ///< ours: the mirrored step is judged against the primary
  uint32_t primary_ready_threshold = 100;
  uint32_t canary_ready_threshold = 100;
  std::vector<HttpMatch> match;
  std::optional<SessionAffinity> session_affinity;
  std::vector<CanaryMetric> metrics;
  std::vector<CanaryWebhook> webhooks;
  std::vector<CanaryAlert> alerts;
};

struct CustomMetadata {
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};

/// What is checked and then goes into objects as it was written (match, rewrite, retries, headers, timeout,
/// trafficPolicy) is not kept here.
struct CanaryService {
  std::string name;  ///< empty: the target's
  uint16_t port = 0;
  std::string port_name = "http";
  std::string target_port_name;
  std::optional<uint16_t> target_port;
  std::string app_protocol;
  bool tcp = false;  ///< appProtocol says so: connections are steered, not requests
  bool port_discovery = false;
  bool headless = false;
  std::vector<std::string> hosts;
  std::vector<std::string> gateways;
  bool delegation = false;  ///< its VirtualService has no hosts: another one delegates to it
  CustomMetadata apex;
  CustomMetadata primary;
  CustomMetadata canary;
  std::vector<std::string> unmanaged_labels;
  std::vector<std::string> unmanaged_annotations;
};

/// What scales the target, on Kubernetes.
struct AutoscalerReference {
  std::string name;  ///< of a HorizontalPodAutoscaler
  std::optional<uint32_t> primary_min;
  std::optional<uint32_t> primary_max;
};

enum class CanaryStrategy { kCanary, kAbTesting, kBlueGreen };

/// Flagger's Canary, flagger.app/v1beta1.
struct Canary {
  std::string target_kind;
  std::string target_name;
  std::optional<AutoscalerReference> autoscaler;
  std::string metrics_server;
  std::optional<uint32_t> progress_deadline_seconds;
  bool skip_analysis = false;  ///< also where there is no analysis
  bool suspend = false;
  bool revert_on_deletion = false;
  CanaryService service;
  CanaryAnalysis analysis;

  const std::string& apex() const { return service.name.empty() ? target_name : service.name; }
  uint32_t deadline_seconds() const { return progress_deadline_seconds.value_or(600); }
  CanaryStrategy strategy() const {
    if (analysis.iterations == 0) return CanaryStrategy::kCanary;
    return analysis.match.empty() ? CanaryStrategy::kBlueGreen : CanaryStrategy::kAbTesting;
  }
};

/// Flagger's MetricTemplate.
struct MetricTemplate {
  std::string provider_type;
  std::string address;
  std::map<std::string, std::string> headers;
  std::string secret;  ///< a Secret of the template's namespace
  bool insecure_skip_verify = false;
  std::string query;
};

/// Flagger's AlertProvider.
struct AlertProvider {
  std::string type;
  std::string channel = "general";
  std::string username = "flagger";
  std::string address;
  std::string proxy;   ///< of HTTP; empty: none
  std::string secret;  ///< a Secret of the provider's namespace; its key "address" counts instead
};

}  // namespace remora::istio
