#pragma once

#include "rollout/workloads.h"

namespace remora::rollout {

/// WorkloadEntries, whose label version is the revision. Nothing is copied or scaled: the primary's Service
/// selects another revision.
class EntryWorkloads : public Workloads {
 public:
  EntryWorkloads(const store::ObjectStore& store, const istio::Canary& spec, std::string ns)
      : store_(store),
        spec_(spec),
        ns_(std::move(ns)) {}

  void observe(Observation& seen) const override;
  MetricTargets targets(const Observation& seen) const override;
  Result<Plan> plan(const Observation& seen) const override;

 private:
  const store::ObjectStore& store_;
  const istio::Canary& spec_;
  std::string ns_;
};

}  // namespace remora::rollout
