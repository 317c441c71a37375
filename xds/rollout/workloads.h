#pragma once

#include <memory>
#include <vector>

#include "rollout/decide.h"
#include "rollout/environment.h"
#include "rollout/known_configs.h"
#include "rollout/measure.h"
#include "rollout/objects.h"
#include "store/object_store.h"

namespace remora::rollout {

/// What a status asks of the store, in the order in which it is made so.
struct Plan {
  std::vector<WantedObject> before;  ///< what must be there before a route may lead to it
  Selection selection;               ///< what the Services and the routes are made of
  std::vector<WantedObject> after;   ///< what may go once no route leads to it
};

/// What a Canary's revisions run as. Looks at the store only; the plan is a function of the status and of
/// what is there, so it may be made and carried out any number of times.
class Workloads {
 public:
  virtual ~Workloads() = default;

  /// What must have been read by name before anything else is asked.
  virtual std::vector<store::ObjectKey> configs() const { return {}; }
  /// Fills in what a tick must know of them: label, revisions, copies and copy, hint, problem.
  virtual void observe(Observation& seen) const = 0;
  /// Whose traffic the metrics are about.
  virtual MetricTargets targets(const Observation& seen) const = 0;
  /// For seen.status; or why it cannot be done. The error of one part does not keep the rest from being done
  /// later, but nothing is done until it is mended.
  virtual Result<Plan> plan(const Observation& seen) const = 0;
  /// The target as it was before the Canary came, for one that is being deleted; null where there is nothing
  /// to give back. `ready`: requests may be sent to it again.
  struct Return {
    std::vector<WantedObject> objects;
    bool ready = true;
  };
  virtual Return give_back(const Observation& seen) const;
};

/// A copy of the target that this Canary made, or one that is gone did, is ours; why another is left alone.
std::string foreign_copy(const store::ObjectStore& store, const store::Object& canary,
                         const std::string& kind, const store::Object& copy);

/// The kind that the Canary's target has here: Services; WorkloadEntries by their version label, on
/// Kubernetes Deployments and DaemonSets. The environment, `configs` and `spec` must outlive it.
std::unique_ptr<Workloads> make_workloads(const Environment& environment, const KnownConfigs& configs,
                                          const istio::Canary& spec, store::ObjectPtr canary);

}  // namespace remora::rollout
