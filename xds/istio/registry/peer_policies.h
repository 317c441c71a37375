#pragma once

#include <string>
#include <vector>

#include "istio/registry/by_workload.h"

namespace remora::istio {

/// Which PeerAuthentication holds for a workload's port: the workload's own, else its namespace's, else the
/// mesh's. Of several of one kind the oldest counts.
class PeerPolicies {
 public:
  /// `oldest_first` may hold resources of any kind. Policies without a selector in `root_namespace` are the
  /// mesh's.
  PeerPolicies(const std::vector<ResourcePtr>& oldest_first, std::string root_namespace);

  /// Never kUnset: what nobody decides is kPermissive.
  MtlsMode mode_for(const std::string& ns, const Labels& labels, uint16_t port) const;

  /// The ports that the workload's own policy names.
  std::vector<uint16_t> ports_of(const std::string& ns, const Labels& labels) const;

  /// Policies that an older one leaves without effect: warnings.
  const Diagnostics& findings() const { return policies_.findings(); }

 private:
  std::string root_namespace_;
  ByWorkload<PeerAuthentication> policies_;
};

}  // namespace remora::istio
