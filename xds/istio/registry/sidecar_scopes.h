#pragma once

#include <string>
#include <vector>

#include "istio/registry/by_workload.h"

namespace remora::istio {

/// What a workload may know of the mesh: by the Sidecar that holds for it.
class SidecarScope {
 public:
  /// Without a Sidecar everything is known, and `mesh_policy` holds.
  SidecarScope(const Sidecar* sidecar, std::string ns, OutboundPolicy mesh_policy);

  /// Whether a host of `owner_ns` is among what the workload says it calls.
  bool knows(const std::string& owner_ns, const std::string& host) const;
  /// The same of one of its Sidecar's listeners.
  bool knows(const EgressListener& listener, const std::string& owner_ns, const std::string& host) const;
  bool knows_everything() const { return sidecar_ == nullptr || sidecar_->egress.empty(); }
  OutboundPolicy policy() const;
  /// The Sidecar that holds; null: none does.
  const Sidecar* sidecar() const { return sidecar_; }

 private:
  const Sidecar* sidecar_;
  std::string ns_;
  OutboundPolicy mesh_policy_;
};

/// Which Sidecar holds for a workload: the oldest of its namespace that selects it, else its namespace's own,
/// else the root namespace's.
class SidecarScopes {
 public:
  /// `oldest_first` may hold resources of any kind.
  SidecarScopes(const std::vector<ResourcePtr>& oldest_first, std::string root_namespace);

  SidecarScope scope_of(const std::string& ns, const Labels& labels, OutboundPolicy mesh_policy) const;

  /// Sidecars that an older one leaves without effect: warnings.
  const Diagnostics& findings() const { return sidecars_.findings(); }

 private:
  const Sidecar* sidecar_for(const std::string& ns, const Labels& labels) const;

  std::string root_namespace_;
  ByWorkload<Sidecar> sidecars_;
};

}  // namespace remora::istio
