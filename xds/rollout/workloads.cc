#include "rollout/workloads.h"

#include <algorithm>

#include "rollout/copied_workloads.h"
#include "rollout/entry_workloads.h"
#include "rollout/service_workloads.h"

namespace remora::rollout {

Workloads::Return Workloads::give_back(const Observation&) const { return {}; }

std::string foreign_copy(const store::ObjectStore& store, const store::Object& canary,
                         const std::string& kind, const store::Object& copy) {
  const std::string owner = owning_canary_uid(copy.body);
  if (!owner.empty() && owner == uid_of(canary.body)) return "";
  const auto canaries = store.list(kCanaryType).objects;
  const bool taken = std::any_of(canaries.begin(), canaries.end(), [&](const store::ObjectPtr& other) {
    return owned_by(copy.body, uid_of(other->body));
  });
  if (!owner.empty() && !taken) return "";
  return kind + ' ' + canary.key.ns + '/' + copy.key.name + " exists already and is not this Canary's";
}

std::unique_ptr<Workloads> make_workloads(const Environment& environment, const KnownConfigs& configs,
                                          const istio::Canary& spec, store::ObjectPtr canary) {
  if (spec.target_kind == "Service") {
    return std::make_unique<ServiceWorkloads>(environment.store, spec, std::move(canary));
  }
  if (environment.kubernetes) {
    return std::make_unique<CopiedWorkloads>(environment.store, configs, spec, std::move(canary));
  }
  return std::make_unique<EntryWorkloads>(environment.store, spec, canary->key.ns);
}

}  // namespace remora::rollout
