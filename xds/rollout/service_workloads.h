#pragma once

#include "rollout/workloads.h"

namespace remora::rollout {

/// A Service as the target: a revision is its specification, which selects other workloads than before. The
/// canary Service is a copy of it at any time, the primary Service a copy of what was promoted. Nothing is
/// scaled, and what the Services select counts as ready.
class ServiceWorkloads : public Workloads {
 public:
  ServiceWorkloads(const store::ObjectStore& store, const istio::Canary& spec, store::ObjectPtr canary)
      : store_(store),
        spec_(spec),
        canary_(std::move(canary)) {}

  void observe(Observation& seen) const override;
  MetricTargets targets(const Observation& seen) const override;
  Result<Plan> plan(const Observation& seen) const override;

 private:
  store::ObjectPtr service(const char* suffix) const;
  WorkloadSelection selected_by(const char* suffix) const;
  WantedObject copy(const store::Object& target, const char* suffix, const std::string& revision) const;

  const store::ObjectStore& store_;
  const istio::Canary& spec_;
  store::ObjectPtr canary_;
};

}  // namespace remora::rollout
