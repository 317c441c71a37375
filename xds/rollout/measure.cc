#include "rollout/measure.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cctype>

#include "rollout/known_configs.h"
#include "rollout/parsed.h"
#include "rollout/revisions.h"
#include "rollout/sequential_test.h"

namespace remora::rollout {
namespace {

constexpr double kQuantile = 0.99;
constexpr std::chrono::minutes kDefaultWindow{1};

/// What Flagger asks Istio's metrics. `target` is a regular expression there.
std::string builtin_query(const istio::CanaryMetric& metric, const QueryModel& model) {
  const std::string who = R"(reporter="destination",destination_workload_namespace=")" + model.ns +
                          R"(",destination_workload=~")" + model.target + '"';
  const std::string range = "[" + model.interval + "]";
  if (metric.is_success_rate()) {
    return "sum(rate(istio_requests_total{" + who + R"(,response_code!~"5.*"})" + range +
           ")) / sum(rate(istio_requests_total{" + who + "}" + range + ")) * 100";
  }
  return "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{" + who + "}" + range +
         ")) by (le))";
}

/// All workloads of a version as one regular expression; names that could change the query are left out.
std::string workload_pattern(const WorkloadSelection& selection) {
  std::string pattern;
  for (const std::string& name : selection.workloads) {
    const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
    if (plain) pattern += (pattern.empty() ? "" : "|") + name;
  }
  return pattern;
}

class Measuring : public std::enable_shared_from_this<Measuring> {
 public:
  Measuring(const Environment& environment, const Observation& seen, MetricTargets targets,
            std::function<void(std::vector<Check>)> done)
      : environment_(environment),
        spec_(*seen.spec),
        name_(seen.name),
        ns_(seen.ns),
        now_(seen.now),
        compared_since_(seen.status.compared_since),
        slow_bound_(seen.status.slow_bound_ms),
        mirrored_(seen.status.weights.mirror),
        targets_(std::move(targets)),
        done_(std::move(done)) {}

  void start() {
    const auto& metrics = spec_.analysis.metrics;
    checks_.resize(metrics.size());
    waiting_ = metrics.size() + 1;  // one for this loop
    for (size_t i = 0; i < metrics.size(); ++i) {
      if (metrics[i].builtin() && spec_.metrics_server.empty()) {
        take(i, from_proxies(metrics[i]));
      } else {
        ask(i);
      }
    }
    if (mirrored_ && spec_.analysis.mirror_gate) {
      for (const bool latency : {false, true}) checks_.push_back(judge_mirror(latency, compared(latency)));
    }
    settle();
  }

  void abandon() {
    done_ = nullptr;
    queries_.clear();
  }

 private:
  Measurement from_proxies(const istio::CanaryMetric& metric) const {
    Measurement measured;
    if (environment_.traffic == nullptr) return measured;
    const auto length = std::chrono::ceil<std::chrono::milliseconds>(metric.interval);
    const TrafficWindow window = environment_.traffic->window(targets_.canary, length);
    measured.listening_since_short = now_ - environment_.started < length;
    measured.samples = window.requests;
    measured.value = metric.is_success_rate() ? success_rate(window) : quantile_ms(window, kQuantile);
    return measured;
  }

  ComparedTraffic compared(bool latency) const {
    ComparedTraffic traffic;
    if (environment_.traffic == nullptr || compared_since_ == kNever) return traffic;
    const auto length = std::max(now_ - compared_since_, std::chrono::milliseconds(1));
    traffic.canary = environment_.traffic->window(targets_.canary, length);
    traffic.primary = environment_.traffic->window(targets_.primary, length);
    if (latency) traffic.slow_bound_ms = slow_bound_;
    return traffic;
  }

  void take(size_t index, Measurement measured) {
    const istio::CanaryMetric& metric = spec_.analysis.metrics[index];
    if (metric.compare) measured.compared = compared(metric.is_duration());
    checks_[index] = judge_metric(metric, measured, spec_.target_name + '.' + ns_);
    settle();
  }

  /// A query to a provider: the template's, the metrics server with Flagger's or the metric's own query.
  void ask(size_t index) {
    const istio::CanaryMetric& metric = spec_.analysis.metrics[index];
    Result<istio::MetricTemplate> source = source_of(metric);
    if (!source.ok()) return fail(index, std::move(source).error());
    if (source->secret.empty()) return query(index, *source, {});
    read_secret(environment_.store, template_ns(*metric.template_ref), source->secret,
                [self = shared_from_this(), index, source = *source](Result<SecretFields> fields) {
                  if (!self->done_) return;
                  if (!fields.ok()) return self->fail(index, std::move(fields).error());
                  self->query(index, source, *fields);
                });
  }

  void fail(size_t index, Error why) {
    Measurement failed;
    failed.value = std::move(why);
    take(index, std::move(failed));
  }

  void query(size_t index, const istio::MetricTemplate& source, const SecretFields& secret) {
    const istio::CanaryMetric& metric = spec_.analysis.metrics[index];
    if (!environment_.make_provider || !environment_.render_query)
      return fail(index, Error{"no metrics providers here"});
    auto provider = environment_.make_provider(source, secret);
    const Result<std::string> query = text_of_query(metric, source);
    if (!query.ok()) return fail(index, query.error());
    if (!provider.ok()) return fail(index, provider.error());
    queries_.push_back(
        (*provider)->query(*query, [self = shared_from_this(), index, keep = *provider](MetricValue value) {
          if (!self->done_) return;
          Measurement measured;
          measured.value = std::move(value);
          self->take(index, std::move(measured));
        }));
  }

  Result<istio::MetricTemplate> source_of(const istio::CanaryMetric& metric) const {
    if (metric.template_ref) return find_template(*metric.template_ref);
    istio::MetricTemplate source;
    source.provider_type = "prometheus";
    source.address = spec_.metrics_server;
    if (source.address.empty())
      return Error{"metric " + metric.name + " has a query, but spec.metricsServer is not given"};
    return source;
  }

  Result<std::string> text_of_query(const istio::CanaryMetric& metric,
                                    const istio::MetricTemplate& source) const {
    const QueryModel model = this->model(metric);
    if (metric.builtin() && !metric.template_ref) return builtin_query(metric, model);
    return environment_.render_query(metric.template_ref ? source.query : metric.query, model);
  }

  std::string template_ns(const istio::ObjectReference& reference) const {
    return reference.ns.empty() ? ns_ : reference.ns;
  }

  Result<istio::MetricTemplate> find_template(const istio::ObjectReference& reference) const;

  QueryModel model(const istio::CanaryMetric& metric) const {
    QueryModel model;
    model.name = name_;
    model.ns = ns_;
    model.target = workload_pattern(targets_.canary);
    if (model.target.empty()) model.target = spec_.target_name;
    model.service = spec_.apex();
    model.ingress = model.route = spec_.target_name;
    model.interval = metric.interval_text;
    model.variables = metric.template_variables;
    return model;
  }

  void settle() {
    if (--waiting_ > 0) return;
    boost::asio::post(environment_.context, [self = shared_from_this()] {
      const auto done = std::move(self->done_);
      self->done_ = nullptr;
      self->queries_.clear();
      if (done) done(std::move(self->checks_));
    });
  }

  const Environment& environment_;
  const istio::Canary spec_;
  const std::string name_;
  const std::string ns_;
  const Time now_;
  const Time compared_since_;
  const std::optional<double> slow_bound_;
  const bool mirrored_;
  const MetricTargets targets_;
  std::function<void(std::vector<Check>)> done_;
  std::vector<std::shared_ptr<void>> queries_;
  std::vector<Check> checks_;
  size_t waiting_ = 0;
};

Result<istio::MetricTemplate> Measuring::find_template(const istio::ObjectReference& reference) const {
  const store::ObjectKey key{"metrictemplates.flagger.app", template_ns(reference), reference.name};
  const store::ObjectPtr object = environment_.store.get(key);
  if (!object) return Error{"metric template " + reference.name + '.' + key.ns + " does not exist"};
  return parse_spec<istio::MetricTemplate>(*object);
}

}  // namespace

WorkloadSelection selection_of(const Observation& seen, const std::string& app, const std::string& version) {
  WorkloadSelection selection;
  selection.ns = seen.ns;
  selection.app = app;
  selection.version = version;
  if (const Revision* revision = find_revision(seen.revisions, version))
    selection.workloads = revision->workloads;
  return selection;
}

std::optional<double> slow_bound(const TrafficSource* traffic, const WorkloadSelection& primary,
                                 std::chrono::milliseconds length) {
  if (traffic == nullptr) return std::nullopt;
  return slow_bound_ms(traffic->window(primary, std::max<std::chrono::milliseconds>(length, kDefaultWindow)),
                       kQuantile);
}

std::shared_ptr<void> measure(const Environment& environment, const Observation& seen,
                              const MetricTargets& targets, std::function<void(std::vector<Check>)> done) {
  auto measuring = std::make_shared<Measuring>(environment, seen, targets, std::move(done));
  measuring->start();
  return {measuring.get(), [measuring](void*) { measuring->abandon(); }};
}

}  // namespace remora::rollout
