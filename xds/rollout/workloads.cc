#include "rollout/workloads.h"

#include "rollout/copied_workloads.h"
#include "rollout/entry_workloads.h"

namespace remora::rollout {

Workloads::Return Workloads::give_back(const Observation&) const { return {}; }

std::unique_ptr<Workloads> make_workloads(const Environment& environment, const KnownConfigs& configs,
                                          const istio::Canary& spec, store::ObjectPtr canary) {
  if (environment.kubernetes) {
    return std::make_unique<CopiedWorkloads>(environment.store, configs, spec, std::move(canary));
  }
  return std::make_unique<EntryWorkloads>(environment.store, spec, canary->key.ns);
}

}  // namespace remora::rollout
