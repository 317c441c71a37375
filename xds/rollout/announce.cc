#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "rollout/alerts.h"
#include "rollout/canary_job.h"
#include "rollout/hooks.h"
#include "rollout/parsed.h"
#include "rollout/revisions.h"

// What a canary's job says of itself: to the log, to event hooks and alert providers, to whoever looks.
namespace remora::rollout {
namespace {

namespace json = boost::json;

constexpr std::chrono::milliseconds kAlertTimeout{5000};

json::object revision_json(const std::vector<Revision>& revisions, const std::string& version) {
  json::object out{{"version", version}};
  json::array names;
  const Revision* revision = find_revision(revisions, version);
  if (revision != nullptr) {
    for (const std::string& name : revision->workloads) names.emplace_back(name);
  }
  out["workloads"] = std::move(names);
  out["endpoints"] = revision == nullptr ? 0U : revision->endpoints;
  return out;
}

}  // namespace

void CanaryJob::announce(const Decision& decision) {
  for (const Event& event : decision.events) {
    environment_.log(event.warning, "Event " + key_.ns + '/' + key_.name + ": " + event.text);
    if (environment_.record_event) environment_.record_event(*object_, event.warning, "Synced", event.text);
    send_event(event);
  }
  for (const Alert& alert : decision.alerts) send_alert(alert);
  if (decision.ending != Ending::kNone) {
    counters_.add_ending(labels(), decision.ending != Ending::kFailed, decision.ending == Ending::kSkipped);
  }
  update_counters();
}

void CanaryJob::update_counters() { counters_.set_state(labels(), seen_.status.phase, seen_.status.weights); }

void CanaryJob::send_event(const Event& event) {
  for (const istio::CanaryWebhook& hook : spec_->analysis.webhooks) {
    if (hook.type != istio::HookType::kEvent) continue;
    std::map<std::string, std::string> metadata = hook.metadata;
    metadata["eventMessage"] = event.text;
    metadata["eventType"] = event.warning ? "Warning" : "Normal";
    metadata["timestamp"] = std::to_string(environment_.now().time_since_epoch().count());
    web::Request request;
    request.method = web::Verb::post;
    request.target = hook.url;
    request.headers.set("content-type", "application/json");
    request.body = payload_json(
        {key_.name, key_.ns, std::string(to_string(seen_.status.phase)), checksum_of(seen_.status)},
        metadata);
    web::ClientOptions options;
    options.timeout = std::chrono::ceil<std::chrono::milliseconds>(hook.timeout);
    options.verify = !hook.disable_tls;
    outbox_.post(std::move(request), options);
  }
}

void CanaryJob::send_alert(const Alert& alert) {
  for (const istio::CanaryAlert& wanted : spec_->analysis.alerts) {
    if (!wants(wanted, alert.severity)) continue;
    const std::string ns = wanted.provider.ns.empty() ? key_.ns : wanted.provider.ns;
    const store::ObjectPtr object =
        environment_.store.get({"alertproviders.flagger.app", ns, wanted.provider.name});
    Result<istio::AlertProvider> provider =
        object ? parse_spec<istio::AlertProvider>(*object)
               : Result<istio::AlertProvider>(
                     Error{"alert provider " + wanted.provider.name + '.' + ns + " does not exist"});
    if (!provider.ok()) {
      lose_alert(provider.error());
    } else if (provider->secret.empty()) {
      post_alert(*provider, {}, alert);
    } else {
      read_secret(environment_.store, ns, provider->secret,
                  [weak = weak_from_this(), provider = *provider, alert](const Result<SecretFields>& fields) {
                    const auto self = weak.lock();
                    if (!self || self->stopped_) return;
                    if (!fields.ok()) return self->lose_alert(fields.error());
                    self->post_alert(provider, *fields, alert);
                  });
    }
  }
}

void CanaryJob::post_alert(const istio::AlertProvider& provider, const SecretFields& secret,
                           const Alert& alert) {
  const auto facts =
      alert.with_facts ? alert_facts(*spec_, key_.ns) : std::vector<std::pair<std::string, std::string>>();
  auto request = alert_request(provider, secret, key_.name + '.' + key_.ns, alert, facts);
  if (!request.ok()) return lose_alert(request.error());
  web::ClientOptions options;
  options.timeout = kAlertTimeout;
  options.proxy = provider.proxy;
  outbox_.post(std::move(*request), options);
}

void CanaryJob::lose_alert(const Error& why) {
  environment_.log(true, key_.text() + ": alert not sent: " + why.message);
}

/// Its problem and its next step are what the one that drives has left in the status.
json::object CanaryJob::peek() {
  if (!read_canary()) return view();
  observe();
  for (const Condition& condition : seen_.status.conditions) {
    if (condition.type == "Reconciled" && condition.status == "False") problem_ = condition.message;
  }
  if (is_active()) due_ = next_due();
  return view();
}

json::object CanaryJob::view() const {
  const Status& status = seen_.status;
  json::object out{{"namespace", key_.ns},
                   {"name", key_.name},
                   {"phase", to_string(status.phase)},
                   {"message", problem_.empty() ? status.message : problem_}};
  if (spec_) {
    const std::string& apex = spec_->apex();
    out["strategy"] = labels().strategy;
    out["service"] = seen_.label.value;
    out["services"] = {{"apex", apex}, {"primary", apex + "-primary"}, {"canary", apex + "-canary"}};
    out["iterations"] = spec_->analysis.iterations;
    out["maxWeight"] = last_weight(spec_->analysis);
    out["threshold"] = spec_->analysis.threshold;
    out["suspended"] = spec_->suspend;
  }
  out["paused"] = status.paused;
  out["iteration"] = status.iterations;
  out["canaryWeight"] = status.weights.canary;
  out["primaryWeight"] = status.weights.primary;
  out["mirror"] = status.weights.mirror;
  out["failedChecks"] = status.failed_checks;
  out["intervalSeconds"] = std::chrono::duration<double>(interval()).count();
  out["nextTick"] = format_time(due_, true);
  out["lastTransitionTime"] = format_time(status.last_transition);
  out["primary"] = seen_.copy ? revision_json({*seen_.copy}, seen_.copy->version)
                              : revision_json(seen_.revisions, status.primary_revision);
  out["canary"] = revision_json(seen_.revisions, status.last_applied);
  const json::object stored = to_json(status);
  out["timeline"] = stored.at("rollout").at("timeline");
  return out;
}

}  // namespace remora::rollout
