#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "control_plane/asked_parts.h"
#include "control_plane/default_scope.h"
#include "control_plane/resource_source.h"
#include "control_plane/steering_labels.h"
#include "istio/build/snapshot.h"
#include "istio/reconcile/reconcile.h"
#include "istio/registry/config_change.h"
#include "istio/registry/inventory.h"

namespace remora::xds {

/// The mesh as it is now: what the source holds, made consistent, and what each proxy gets of it. Control
/// thread only.
class Mesh {
 public:
  /// Takes the source's present contents, and follows it. The source must outlive the mesh, and so must
  /// `inventory`, into which the Pods, EndpointSlices and Nodes that the source has go as well.
  /// `scope`: of workloads for which there is no Sidecar.
  Mesh(ResourceSource& source, istio::Inventory& inventory, istio::MeshSettings settings = {},
       DefaultScope scope = DefaultScope::kMesh);

  const istio::Registry& registry() const { return *state_.registry; }
  /// Everything that is wrong, in files and between resources.
  const istio::Diagnostics& findings() const { return findings_; }
  /// Grows with every change of the registry or the findings.
  uint64_t version() const { return version_; }

  /// What is wrong besides, with what the mesh's resources refer to.
  void set_further_findings(istio::Diagnostics findings);

  /// What a proxy should have now. Proxies that differ in nothing share one snapshot.
  std::shared_ptr<const istio::Snapshot> snapshot_for(const istio::ProxyNode& node);
  /// The same for one that has asked for `asked`. `node.on_demand` counts only where no Sidecar holds for the
  /// workload.
  std::shared_ptr<const istio::Snapshot> snapshot_for(const istio::ProxyNode& node, AskedNames& asked);
  DefaultScope default_scope() const { return scope_; }

  /// Brings endpoints in line with the inventory. Costs what has changed since the last time, and nothing
  /// that the proxies have for other services.
  void take_endpoints();

  /// Called after each change of the configuration.
  void on_change(std::function<void()> listener) { on_change_ = std::move(listener); }
  /// Called after changes of nothing but endpoints, which are frequent.
  void on_endpoints(std::function<void()> listener) { on_endpoints_ = std::move(listener); }

 private:
  /// What proxies that are alike share, and one of them.
  struct Outbound {
    istio::ProxyNode node;
    std::shared_ptr<const istio::Snapshot> snapshot;
    std::shared_ptr<const istio::Registry> registry;  ///< that it was made from
  };
  /// A proxy's own, and what it was made from.
  struct Own {
    std::vector<std::string> addresses;
    std::weak_ptr<const istio::Snapshot> snapshot;
    std::shared_ptr<const istio::Snapshot> outbound;
    std::shared_ptr<const istio::Registry> registry;
  };
  /// What has changed since the registry before.
  struct Change {
    std::shared_ptr<const istio::Registry> since;
    istio::ConfigChange change;
  };

  void refresh();
  std::vector<istio::EndpointChange> follow_inventory();
  void take_inventory(const std::vector<istio::ResourcePtr>& resources);
  void join_findings();
  void forget_unused();
  void forget_unused_own();
  istio::ProxyNode located(istio::ProxyNode node) const;
  const std::shared_ptr<const istio::Snapshot>& outbound_for(const istio::ProxyNode& node);
  std::shared_ptr<const istio::Snapshot> make_outbound(const istio::ProxyNode& node, const Outbound& before);
  bool is_asked_for(const istio::ConfigChange& change, const istio::Snapshot& outbound) const;
  const istio::ConfigChange& change_since(const std::shared_ptr<const istio::Registry>& registry);
  std::shared_ptr<const istio::Snapshot> follow_own(
      const Own& own, const std::shared_ptr<const istio::Snapshot>& outbound) const;
  void keep_outbound();

  ResourceSource& source_;
  istio::Inventory& inventory_;
  const istio::MeshSettings settings_;
  const DefaultScope scope_;
  const istio::ResourcePtr default_sidecar_;  ///< null: none
  istio::Reconciled state_;
  Steering steering_;
  istio::Diagnostics own_findings_;
  istio::Diagnostics further_findings_;
  istio::Diagnostics findings_;  ///< both
  uint64_t version_ = 0;
  std::function<void()> on_change_;
  std::function<void()> on_endpoints_;
  std::map<istio::ObjectName, istio::ResourcePtr> files_inventory_;  ///< by kind, and namespace and name
  // Of this registry only. Weak: a snapshot lives as long as a stream follows it.
  std::map<std::string, Outbound> outbound_;
  std::map<std::string, Outbound> outbound_before_;  ///< of a registry before, and not made anew yet
  std::map<std::string, Own> snapshots_;
  size_t snapshots_in_use_ = 0;  // when they were counted last
  std::optional<Change> change_;
  AskedParts asked_;
};

}  // namespace remora::xds
