#include "rollout/engine.h"

#include <algorithm>
#include <set>

#include "rollout/canary_job.h"
#include "rollout/metric_template.h"
#include "rollout/prometheus_provider.h"
#include "rollout/reconcile_objects.h"

namespace remora::rollout {

Engine::Engine(Environment environment) : environment_(std::move(environment)) {
  if (!environment_.make_provider) {
    environment_.make_provider = [&context = environment_.context](
                                     const istio::MetricTemplate& metric,
                                     const std::map<std::string, std::string>& secret) {
      return make_prometheus_provider(context, metric, secret);
    };
  }
  if (!environment_.render_query) environment_.render_query = render_query;
  only_watch();
}

Engine::~Engine() {
  watch_.reset();
  for (const auto& item : jobs_) item.second->stop();
}

void Engine::stop() {
  if (!driving_) return;
  driving_ = false;
  for (const auto& item : jobs_) item.second->stop();
  jobs_.clear();
  only_watch();
  changed();
}

/// Somebody else drives the canaries: they are shown, no more.
void Engine::only_watch() {
  watch_ = environment_.store.watch(kCanaryType, environment_.store.version(),
                                    [this](const store::Event&) { changed(); });
}

void Engine::start() {
  if (driving_) return;
  driving_ = true;
  environment_.started = environment_.now();
  // A cluster removes by itself what has lost its owner.
  if (environment_.is_complete() && !environment_.kubernetes)
    sweep_orphans(environment_.store, nullptr, environment_.log);
  const store::ObjectList canaries = environment_.store.list(kCanaryType);
  watch_ =
      environment_.store.watch("", canaries.version, [this](const store::Event& event) { on_event(event); });
  for (const store::ObjectPtr& canary : canaries.objects) add(canary->key);
  changed();
}

void Engine::add(const store::ObjectKey& key) {
  auto& job = jobs_[key];
  if (job) return;
  job = std::make_shared<CanaryJob>(environment_, counters_, key, [this] { changed(); });
  job->start();
}

void Engine::on_event(const store::Event& event) {
  const store::ObjectKey& key = event.object->key;
  static const std::set<std::string> kWorkloads{"workloadentries.networking.istio.io", "deployments.apps",
                                                "daemonsets.apps", kServiceType};
  if (kWorkloads.contains(key.type)) {
    for (const auto& [canary, job] : jobs_) {
      if (canary.ns == key.ns) job->on_workload(key);
    }
    return;
  }
  if (key.type != kCanaryType) return;
  const auto found = jobs_.find(key);
  if (event.type == store::EventType::kDeleted) {
    if (found == jobs_.end() || environment_.store.get(key)) return;
    found->second->stop();
    jobs_.erase(found);
    if (!environment_.kubernetes) sweep_orphans(environment_.store, event.object.get(), environment_.log);
    changed();
  } else if (found == jobs_.end()) {
    if (environment_.store.get(key)) add(key);
    changed();
  } else {
    found->second->on_change(event.object);
  }
}

void Engine::act(const store::ObjectKey& canary, Action action, std::function<void(Result<void>)> done) {
  if (!driving_) return done(Error{"another control plane drives the canaries: ask that one"});
  const auto found = jobs_.find(canary);
  if (found == jobs_.end()) return done(Error{canary.text() + " does not exist"});
  found->second->act(action, std::move(done));
}

boost::json::array Engine::view() const {
  boost::json::array out;
  for (const auto& item : jobs_) out.push_back(item.second->view());
  if (driving_) return out;
  for (const store::ObjectPtr& canary : environment_.store.list(kCanaryType).objects) {
    out.push_back(std::make_shared<CanaryJob>(environment_, counters_, canary->key, nullptr)->peek());
  }
  return out;
}

std::shared_ptr<void> Engine::watch(std::function<void()> changed) {
  auto listener = std::make_shared<std::function<void()>>(std::move(changed));
  listeners_.push_back(listener);
  return listener;
}

void Engine::changed() {
  listeners_.erase(
      std::remove_if(listeners_.begin(), listeners_.end(), [](const auto& l) { return l.expired(); }),
      listeners_.end());
  const auto listeners = listeners_;
  for (const auto& weak : listeners) {
    if (const auto listener = weak.lock()) (*listener)();
  }
}

std::string Engine::render_metrics(std::string_view version) const {
  std::map<std::string, int> totals;
  for (const auto& item : jobs_) ++totals[item.first.ns];
  return counters_.render(version, totals);
}

}  // namespace remora::rollout
