#include "rollout/entry_workloads.h"

#include "rollout/revisions.h"

namespace remora::rollout {

void EntryWorkloads::observe(Observation& seen) const {
  seen.label = find_label(store_, ns_, spec_.target_name);
  seen.revisions = find_revisions(store_, ns_, seen.label);
  if (seen.revisions.empty()) seen.hint = find_inline_endpoints(store_, ns_, seen.label);
}

MetricTargets EntryWorkloads::targets(const Observation& seen) const {
  return {selection_of(seen, seen.label.value, seen.status.last_applied),
          selection_of(seen, seen.label.value, seen.status.primary_revision)};
}

Result<Plan> EntryWorkloads::plan(const Observation& seen) const {
  return Plan{.before = {}, .selection = select_versions(seen.label, seen.status), .after = {}};
}

}  // namespace remora::rollout
