#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "control_plane/resource_source.h"
#include "istio/reconcile.h"
#include "istio/snapshot.h"

namespace remora::xds {

/// The mesh as it is now: what the source holds, made consistent, and what each proxy gets of it. Control
/// thread only.
class Mesh {
 public:
  /// Takes the source's present contents, and follows it. The source must outlive the mesh.
  explicit Mesh(ResourceSource& source, istio::MeshSettings settings = {});

  const istio::Registry& registry() const { return *state_.registry; }
  /// Everything that is wrong, in files and between resources.
  const istio::Diagnostics& findings() const { return findings_; }
  /// Grows with every change of the registry or the findings.
  uint64_t version() const { return version_; }

  /// What a proxy should have now. Proxies that differ in nothing share one snapshot.
  std::shared_ptr<const istio::Snapshot> snapshot_for(const istio::ProxyNode& node);

  /// Called after each change.
  void on_change(std::function<void()> listener) { on_change_ = std::move(listener); }

 private:
  void refresh();
  void forget_unused();

  ResourceSource& source_;
  const istio::MeshSettings settings_;
  istio::Reconciled state_;
  istio::Diagnostics findings_;
  uint64_t version_ = 0;
  std::function<void()> on_change_;
  // Of this registry only. Weak: a snapshot lives as long as a stream follows it.
  std::map<std::string, std::shared_ptr<const istio::Snapshot>> outbound_;
  std::map<std::string, std::weak_ptr<const istio::Snapshot>> snapshots_;
  size_t snapshots_in_use_ = 0;  // when they were counted last
};

}  // namespace remora::xds
