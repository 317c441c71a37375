#pragma once

#include "istio/build/snapshot.h"

namespace remora::istio {

/// What proxies of the same kind (equal outbound keys) had, and the registry that it was built from. What
/// went into a service's clusters has mostly stayed the same: then so have they, and need not be built.
class Predecessor {
 public:
  /// Both outlive it. The registry's endpoints are those of the snapshot.
  Predecessor(const Registry& registry, const Snapshot& snapshot)
      : registry_(registry),
        snapshot_(snapshot) {}

  /// From now on unchanged() compares with `now`, for this node's kind.
  void compare_with(const Registry& now, const ProxyNode& node);

  /// Whether all clusters and endpoints of `service`, of the registry that it is compared with, are as they
  /// were.
  bool unchanged(const MeshService& service) const;

  const Snapshot& snapshot() const { return snapshot_; }

 private:
  const Registry& registry_;
  const Snapshot& snapshot_;
  const Registry* now_ = nullptr;
  std::string client_ns_;
  bool same_policies_ = false;  ///< who takes mutual TLS
  bool same_peers_ = true;      ///< whom apertures go by
};

}  // namespace remora::istio
