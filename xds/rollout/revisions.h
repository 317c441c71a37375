#pragma once

#include <string>
#include <vector>

#include "rollout/decide.h"
#include "rollout/objects.h"
#include "store/object_store.h"

namespace remora::rollout {

/// The label by which the target's workloads are known: of a Deployment of that name, else of
/// WorkloadEntries; app, name or app.kubernetes.io/name, whichever comes first.
WorkloadLabel find_label(const store::ObjectStore& store, const std::string& ns, const std::string& target);

/// The WorkloadEntries with that label, by their label version. One counts as ready unless its status says
/// that it is not (condition Healthy: False).
std::vector<Revision> find_revisions(const store::ObjectStore& store, const std::string& ns,
                                     const WorkloadLabel& label);

/// A word about endpoints that stand in ServiceEntries and so cannot take part; empty where there are none.
std::string find_inline_endpoints(const store::ObjectStore& store, const std::string& ns,
                                  const WorkloadLabel& label);

}  // namespace remora::rollout
