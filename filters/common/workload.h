#pragma once

#include "remora/config/cluster.h"
#include "remora/filter/registry.h"
#include "remora/filter/workload.h"

namespace remora::filters {

/// This proxy itself, from the node's metadata. Canonical name and revision fall back to the labels that
/// Istio derives them from (app.kubernetes.io/name, app; app.kubernetes.io/version, version), then to the
/// workload's name.
Workload local_workload(const NodeInfo& node);

/// An endpoint as its metadata has it: `istio.workload` = "name;namespace;canonical name;canonical
/// revision;cluster". That form has neither app nor version: they come from the subset labels in `envoy.lb`,
/// else from the canonical name and revision, which Istio derives from them. Null if the endpoint carries
/// neither.
std::shared_ptr<const Workload> endpoint_workload(const Metadata& metadata);

}  // namespace remora::filters
