#pragma once

#include "rollout/tracked_configs.h"
#include "rollout/workloads.h"

namespace remora::rollout {

/// A Deployment or DaemonSet of a Kubernetes cluster, as Flagger rolls it out: requests go to a copy, the
/// primary; the target itself is scaled down but while it is analysed. A revision is the target's pod
/// template and the contents of the ConfigMaps and Secrets that it names.
class CopiedWorkloads : public Workloads {
 public:
  /// `configs` are looked at whenever this is; all must outlive it.
  CopiedWorkloads(const store::ObjectStore& store, const KnownConfigs& configs, const istio::Canary& spec,
                  store::ObjectPtr canary);

  std::vector<store::ObjectKey> configs() const override;
  void observe(Observation& seen) const override;
  MetricTargets targets(const Observation& seen) const override;
  Result<Plan> plan(const Observation& seen) const override;
  Return give_back(const Observation& seen) const override;

 private:
  /// Target and primary as they are now.
  struct Look {
    store::ObjectPtr target;
    store::ObjectPtr primary;
    TrackedConfigs configs;
    std::string version;          ///< the target's revision
    std::string primary_version;  ///< which one the copy has
    WorkloadLabel label;
    std::string problem;  ///< why a new revision cannot be told, or not be used
  };

  Look look(const Status& status) const;
  std::string version_of(const Look& now, const Status& status) const;
  void read_status(const store::Object& object, Time now, Revision& out) const;
  void add_copy(const Look& now, Plan& plan) const;
  boost::json::object primary_body(const Look& now) const;
  void describe_primary(const Look& now, boost::json::object& body) const;
  Result<void> add_autoscaler(const Status& status, Plan& plan) const;
  WantedObject scaled(const store::Object& target, int64_t replicas) const;
  int64_t starting_replicas(const Look& now) const;
  bool may_rest(const Look& now, const Observation& seen) const;
  store::ObjectKey key(const std::string& name) const { return {type_, ns_, name}; }

  const store::ObjectStore& store_;
  const KnownConfigs& known_;
  const istio::Canary& spec_;
  store::ObjectPtr canary_;
  std::string ns_;
  bool daemon_set_;
  const char* type_;
};

}  // namespace remora::rollout
