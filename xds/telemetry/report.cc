#include "telemetry/report.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "api/metrics_service.pb.h"

namespace remora::telemetry {
namespace {

namespace prom = io::prometheus::client;

constexpr std::string_view kRequests = "istio_requests_total";
constexpr std::string_view kDurations = "istio_request_duration_milliseconds";
constexpr std::string_view kIstioPrefix = "istiocustom.";  // Istio's own proxies leave it on
constexpr std::string_view kClusterUnlabelled = "cluster.outbound|";
constexpr std::string_view kCluster = "cluster";
constexpr std::string_view kClusterRequests = ".upstream_rq_xx";
constexpr std::string_view kClusterDurations = ".upstream_rq_time";
constexpr size_t kMaxName = 253;  // of a workload, a namespace, a label's value: longer ones are nobody's

/// Istio says "unknown" where it does not know.
std::string known(std::string_view value) {
  if (value == "unknown" || value.size() > kMaxName) return {};
  return std::string(value);
}

std::string_view label(const prom::Metric& metric, std::string_view name) {
  for (const auto& pair : metric.label()) {
    if (pair.name() == name) return pair.value();
  }
  return {};
}

void mix(std::string_view text, uint64_t& hash) {
  for (const unsigned char byte : text) hash = (hash ^ byte) * 0x100000001b3ull;
  hash = (hash ^ 0xff) * 0x100000001b3ull;
}

uint64_t hash_of(std::string_view name, const prom::Metric& metric) {
  uint64_t hash = 0xcbf29ce484222325ull;
  mix(name, hash);
  for (const auto& pair : metric.label()) {
    mix(pair.name(), hash);
    mix(pair.value(), hash);
  }
  return hash;
}

/// False where the metric does not say whose traffic it is.
bool read_istio_key(const prom::Metric& metric, Reported& out) {
  const std::string_view reporter = label(metric, "reporter");
  if (reporter != "destination" && reporter != "source") return false;
  out.key.reporter = reporter == "source" ? Reporter::kSource : Reporter::kDestination;
  out.key.ns = known(label(metric, "destination_workload_namespace"));
  out.key.app = known(label(metric, "destination_canonical_service"));
  if (out.key.app.empty()) out.key.app = known(label(metric, "destination_app"));
  out.key.version = known(label(metric, "destination_version"));
  out.key.workload = known(label(metric, "destination_workload"));
  out.failure = label(metric, "response_code").starts_with('5');
  return !out.key.app.empty();
}

/// The name of the cluster, of which a stock Envoy takes only the part before the first dot for a tag and
/// leaves the rest in the metric's name: "cluster.default.svc.cluster.local.upstream_rq_time".
std::string cluster_name(std::string_view family, const prom::Metric& metric) {
  const std::string_view rest = family.substr(kCluster.size(), family.rfind('.') - kCluster.size());
  return std::string(label(metric, "envoy.cluster_name")).append(rest);
}

/// Envoy counts the same responses again by where requests came from and by zone. (A host whose own name ends
/// so cannot be told from that, and is not counted.)
bool is_part_of_cluster(std::string_view name) {
  return name.ends_with(".internal") || name.ends_with(".external") || name.ends_with(".canary") ||
         name.find(".zone.") != std::string_view::npos;
}

/// "outbound|8080|v2|api.default.svc.cluster.local": the subset stands for the version.
bool read_cluster_key(std::string_view family, const prom::Metric& metric, Reported& out) {
  const std::string whole = cluster_name(family, metric);
  if (is_part_of_cluster(whole)) return false;
  std::string_view name = whole;
  std::string_view parts[4];
  for (size_t i = 0; i < 4; ++i) {
    const size_t bar = name.find('|');
    if ((bar == std::string_view::npos) != (i == 3)) return false;
    parts[i] = name.substr(0, bar);
    if (i < 3) name.remove_prefix(bar + 1);
  }
  if (parts[0] != "outbound") return false;
  const std::string_view host = parts[3];
  const size_t first = host.find('.');
  const size_t second = first == std::string_view::npos ? first : host.find('.', first + 1);
  const bool is_service = second != std::string_view::npos && host.substr(second).starts_with(".svc");
  out.key.app = known(is_service ? host.substr(0, first) : host);
  if (is_service) out.key.ns = known(host.substr(first + 1, second - first - 1));
  out.key.version = known(parts[2]);
  out.key.reporter = Reporter::kCluster;
  out.failure = label(metric, "envoy.response_code_class") == "5";
  return !out.key.app.empty();
}

uint32_t clamp(uint64_t count) {
  return static_cast<uint32_t>(std::min<uint64_t>(count, std::numeric_limits<uint32_t>::max()));
}

/// Other bounds than ours are rounded up to the next of ours: never faster than it was.
void read_durations(const prom::Histogram& histogram, Tally& out) {
  uint64_t before = 0;
  for (const auto& bucket : histogram.bucket()) {
    if (bucket.cumulative_count() <= before) continue;
    const auto index =
        static_cast<size_t>(std::ranges::lower_bound(kBoundsMs, bucket.upper_bound()) - kBoundsMs.begin());
    out.slower[std::min(index, kBoundsMs.size() - 1)] += clamp(bucket.cumulative_count() - before);
    before = bucket.cumulative_count();
  }
  if (histogram.sample_count() > before) out.slower.back() += clamp(histogram.sample_count() - before);
}

/// Counters are doubles on the wire; what is no count counts nothing.
uint64_t to_count(double value) {
  constexpr double kMost = 9007199254740992.0;  // 2^53: up to there a double counts one by one
  return value >= 0 && value <= kMost ? static_cast<uint64_t>(value) : 0;
}

void read_metric(const prom::MetricFamily& family, const prom::Metric& metric, bool is_istio,
                 Report& report) {
  Reported out;
  if (!(is_istio ? read_istio_key(metric, out) : read_cluster_key(family.name(), metric, out))) return;
  out.is_counter = metric.has_counter();
  if (out.is_counter) {
    out.value = to_count(metric.counter().value());
    out.labels = hash_of(family.name(), metric);
  } else {
    read_durations(metric.histogram(), out.durations);
  }
  report.metrics.push_back(std::move(out));
}

bool is_unlabelled(const prom::MetricFamily& family) {
  if (family.metric_size() == 0 || family.metric(0).label_size() > 0) return false;
  return family.name().starts_with(kIstioPrefix) || family.name().starts_with(kClusterUnlabelled);
}

}  // namespace

const char* to_string(Reporter reporter) {
  switch (reporter) {
    case Reporter::kDestination: return "destination";
    case Reporter::kSource: return "source";
    case Reporter::kCluster: return "cluster";
  }
  return "";
}

void Tally::add(const Tally& other) {
  requests += other.requests;
  failures += other.failures;
  for (size_t i = 0; i < slower.size(); ++i) slower[i] += other.slower[i];
}

bool Tally::empty() const {
  return requests == 0 && std::ranges::all_of(slower, [](uint32_t count) { return count == 0; });
}

Report read_report(const envoy::service::metrics::v3::StreamMetricsMessage& message) {
  Report report;
  report.node_id = message.identifier().node().id();
  for (const auto& family : message.envoy_metrics()) {
    std::string_view name = family.name();
    if (is_unlabelled(family)) report.unlabelled = true;
    if (name.starts_with(kIstioPrefix)) name.remove_prefix(kIstioPrefix.size());
    const bool is_istio = name == kRequests || name == kDurations;
    report.has_istio |= is_istio;
    const bool is_cluster = name.starts_with(kCluster);
    const bool counts = name == kRequests || (is_cluster && name.ends_with(kClusterRequests));
    const bool times = name == kDurations || (is_cluster && name.ends_with(kClusterDurations));
    for (const auto& metric : family.metric()) {
      report.flush = metric.timestamp_ms();
      if ((counts && metric.has_counter()) || (times && metric.has_histogram()))
        read_metric(family, metric, is_istio, report);
    }
  }
  return report;
}

}  // namespace remora::telemetry
