#include "rollout/copied_workloads.h"

#include <algorithm>
#include <array>

#include "rollout/autoscaler.h"
#include "rollout/json_fields.h"
#include "rollout/pod_template.h"
#include "rollout/workload_status.h"

// What is seen of a Deployment or DaemonSet and its copy, and what they should be.
namespace remora::rollout {
namespace {

namespace json = boost::json;

constexpr std::array<const char*, 3> kSelectorLabels{"app", "name", "app.kubernetes.io/name"};
constexpr std::string_view kSuffix = "-primary";

/// The label of spec.selector that tells a workload's pods from others'; empty where it has none that counts.
WorkloadLabel selector_label(const json::object& workload) {
  const json::object& labels = part_of(part_of(part_of(workload, "spec"), "selector"), "matchLabels");
  for (const char* key : kSelectorLabels) {
    if (std::string value = text_of(labels, key); !value.empty()) return {key, value};
  }
  return {"app", ""};
}

std::string pods_revision(const json::object& workload) {
  const json::object& metadata = part_of(part_of(part_of(workload, "spec"), "template"), "metadata");
  return text_of(part_of(metadata, "annotations"), kRevisionAnnotation);
}

std::string created(const store::Object& object) {
  return text_of(part_of(object.body, "metadata"), "creationTimestamp");
}

/// Whether the canary is to have pods by what the status says of it.
bool canary_runs(const Status& status) {
  return status.phase == Phase::kProgressing || status.phase == Phase::kWaitingPromotion ||
         status.weights.canary > 0 || status.weights.mirror;
}

bool is_over(Phase phase) {
  return phase == Phase::kInitialized || phase == Phase::kSucceeded || phase == Phase::kFailed;
}

}  // namespace

CopiedWorkloads::CopiedWorkloads(const store::ObjectStore& store, const KnownConfigs& configs,
                                 const istio::Canary& spec, store::ObjectPtr canary)
    : store_(store),
      known_(configs),
      spec_(spec),
      canary_(std::move(canary)),
      ns_(canary_->key.ns),
      daemon_set_(spec.target_kind == "DaemonSet"),
      type_(daemon_set_ ? "daemonsets.apps" : "deployments.apps") {}

CopiedWorkloads::Look CopiedWorkloads::look(const Status& status) const {
  Look now;
  const std::string name = spec_.target_kind + ' ' + ns_ + '/' + spec_.target_name;
  now.target = store_.get(key(spec_.target_name));
  now.primary = store_.get(key(spec_.target_name + std::string(kSuffix)));
  if (now.primary) {
    now.primary_version = pods_revision(now.primary->body);
    if (now.primary_version.empty()) now.primary_version = "unmarked";
    now.problem = foreign_copy(store_, *canary_, spec_.target_kind, *now.primary);
    now.label = selector_label(now.primary->body);
    // Without the target, the copy still knows its label.
    if (now.label.value.ends_with(kSuffix)) now.label.value.resize(now.label.value.size() - kSuffix.size());
  } else {
    now.label.value.clear();
  }
  const json::object* pods = now.target ? pod_template(now.target->body) : nullptr;
  if (pods == nullptr) {
    if (now.problem.empty()) now.problem = name + " does not exist";
    return now;
  }
  const WorkloadLabel own = selector_label(now.target->body);
  if (!own.value.empty()) {
    now.label = own;
  } else if (now.problem.empty()) {
    now.problem = name + ": spec.selector.matchLabels has none of app, name, app.kubernetes.io/name";
  }
  now.configs = find_tracked_configs(known_, ns_, *pods);
  if (!now.configs.missing.empty() && now.problem.empty())
    now.problem = name + ": its pods need " + now.configs.missing;
  now.version = version_of(now, status);
  return now;
}

std::vector<store::ObjectKey> CopiedWorkloads::configs() const {
  const store::ObjectPtr target = store_.get(key(spec_.target_name));
  const json::object* pods = target ? pod_template(target->body) : nullptr;
  return pods == nullptr ? std::vector<store::ObjectKey>() : named_configs(ns_, *pods);
}

/// While a configuration cannot be read, nobody can say whether it is another one.
std::string CopiedWorkloads::version_of(const Look& now, const Status& status) const {
  if (!now.configs.missing.empty() && !status.last_applied.empty()) return status.last_applied;
  std::string version = template_fingerprint(*pod_template(now.target->body));
  if (now.configs.items.empty()) return version;
  json::object parts{{"template", version}};
  for (const auto& [name, checksum] : now.configs.checksums()) parts[name] = checksum;
  return fingerprint(parts);
}

void CopiedWorkloads::read_status(const store::Object& object, Time now, Revision& out) const {
  out.created = created(object);
  out.workloads = {object.key.name};
  if (daemon_set_) return read_daemon_set(object.body, out);
  read_deployment(object.body, now, std::chrono::seconds(spec_.deadline_seconds()), out);
}

void CopiedWorkloads::observe(Observation& seen) const {
  const Look now = look(seen.status);
  seen.copies = true;
  seen.label = now.label;
  seen.problem = now.problem;
  if (!now.problem.empty()) seen.hint = ": " + now.problem;
  if (now.target && !now.version.empty()) {
    Revision revision{.version = now.version};
    read_status(*now.target, seen.now, revision);
    revision.configs = now.configs.checksums();
    seen.revisions.push_back(std::move(revision));
  }
  if (now.primary) {
    Revision copy{.version = now.primary_version};
    read_status(*now.primary, seen.now, copy);
    seen.copy = std::move(copy);
  }
}

MetricTargets CopiedWorkloads::targets(const Observation& seen) const {
  const auto named = [&](const std::string& workload) {
    return WorkloadSelection{.ns = seen.ns, .app = "", .version = "", .workloads = {workload}};
  };
  return {named(spec_.target_name), named(spec_.target_name + std::string(kSuffix))};
}

Result<Plan> CopiedWorkloads::plan(const Observation& seen) const {
  const Status& status = seen.status;
  const Look now = look(status);
  if (now.label.value.empty()) return Error{now.problem};
  Plan plan;
  plan.selection.label = now.label;
  const json::object primary{{now.label.key, now.label.value + std::string(kSuffix)}};
  plan.selection.primary = plan.selection.apex = primary;
  plan.selection.canary = {{now.label.key, now.label.value}};
  plan.selection.routes = status.phase != Phase::kInitializing;

  const bool copied = now.primary && now.primary_version == status.primary_revision;
  if (!copied && now.target && now.version == status.primary_revision) {
    if (!now.problem.empty()) return Error{now.problem};
    add_copy(now, plan);
  }
  if (spec_.autoscaler && (now.primary || !plan.before.empty())) {
    if (auto added = add_autoscaler(status, plan); !added.ok()) return added.error();
  }
  if (now.target && canary_runs(status) && is_scaled_down(now.target->body, daemon_set_)) {
    plan.before.push_back(scaled(*now.target, starting_replicas(now)));
  }
  if (may_rest(now, seen)) plan.after.push_back(scaled(*now.target, 0));
  return plan;
}

/// The configurations first: the copy's annotation says that all of it is there.
void CopiedWorkloads::add_copy(const Look& now, Plan& plan) const {
  const auto add = [&](const store::ObjectKey& key, const store::ObjectPtr& present, json::object body) {
    plan.before.push_back(
        {.key = key, .body = std::move(body), .whole = true, .seen_version = present ? present->version : 0});
  };
  for (const TrackedConfig& config : now.configs.items) {
    store::ObjectKey copy = config.object->key;
    copy.name += kSuffix;
    const store::ObjectPtr present = known_.get(copy);
    add(copy, present, primary_config(config, present.get(), owner_reference(*canary_)));
  }
  add(key(spec_.target_name + std::string(kSuffix)), now.primary, primary_body(now));
}

Result<void> CopiedWorkloads::add_autoscaler(const Status& status, Plan& plan) const {
  const bool follow = status.phase == Phase::kPromoting || status.phase == Phase::kFinalising;
  auto wanted = primary_autoscaler(store_, spec_, *canary_, follow);
  if (!wanted.ok()) return wanted.error();
  if (*wanted) plan.before.push_back(std::move(**wanted));
  return {};
}

WantedObject CopiedWorkloads::scaled(const store::Object& target, int64_t replicas) const {
  json::object body = target.body;
  if (replicas == 0) {
    scale_down(body, daemon_set_);
  } else {
    scale_up(body, daemon_set_, replicas);
  }
  return {.key = target.key, .body = std::move(body), .whole = true, .seen_version = target.version};
}

/// As many as the primary has, or as few as the autoscaler allows.
int64_t CopiedWorkloads::starting_replicas(const Look& now) const {
  if (spec_.autoscaler) return autoscaler_floor(store_, spec_, ns_);
  return now.primary ? std::max<int64_t>(1, replicas_of(now.primary->body)) : 1;
}

/// The target needs no pods where it gets no requests any more, holds nothing new, and the primary has what
/// the status says and works. So there is never a moment at which neither has pods.
bool CopiedWorkloads::may_rest(const Look& now, const Observation& seen) const {
  const Status& status = seen.status;
  if (!seen.settled || !is_over(status.phase) || canary_runs(status)) return false;
  if (!now.target || !now.primary || !now.problem.empty()) return false;
  if (now.version != status.last_applied || now.primary_version != status.primary_revision) return false;
  if (is_scaled_down(now.target->body, daemon_set_) || is_scaled_down(now.primary->body, daemon_set_))
    return false;
  Revision primary;
  read_status(*now.primary, seen.now, primary);
  return primary.ready > 0 && primary.not_ready.empty();
}

}  // namespace remora::rollout
