#include "istio/build/inbound.h"

#include <optional>

#include "istio/build/names.h"
#include "istio/build/snapshot_edit.h"
#include "istio/build/translate.h"

namespace remora::istio {
namespace {

/// An outbound listener gives way to what must have its address: the application, or the proxy's own inbound
/// side.
void remove_clashing_outbound(const InboundPort& inbound, const ProxyNode& node, Snapshot& snapshot) {
  const bool clashes = node.outbound_address == node.app_address || node.outbound_address == node.ip;
  if (!clashes) return;
  const std::string name = node.outbound_address + '_' + std::to_string(inbound.port);
  if (!erase_resource(name, XdsType::kListener, snapshot)) return;
  add_note(node, "listener " + name,
           "is left out: the workload serves port " + std::to_string(inbound.port) + " on that address",
           snapshot);
}

/// What the listener takes from clients. Nothing where mutual TLS is asked for and the proxy has no
/// certificate: that must not fall back to plain text.
std::optional<MtlsMode> inbound_mode(const InboundPort& inbound, const MeshView& view) {
  const Endpoint& workload = *inbound.workload;
  const MtlsMode mode = view.registry().peer_policies().mode_for(workload.ns, workload.labels, inbound.port);
  if (view.node().identified) return mode;
  return mode == MtlsMode::kStrict ? std::nullopt : std::optional(MtlsMode::kDisable);
}

/// Why a listener of its own, in that mode, cannot be; empty: it can.
std::string obstacle(const InboundPort& inbound, const ProxyNode& node, const std::optional<MtlsMode>& mode) {
  const std::string address = inbound_address(inbound, node);
  const auto [host, port] = application_address(inbound, node);
  if (address == host && inbound.port == port) {
    return inbound.ingress == nullptr ? "is left out: the application listens on that address itself"
                                      : "is left out: its defaultEndpoint is the listener itself";
  }
  if (!mode) return "is left out: it takes mutual TLS only, and the proxy has not proved who it is";
  return "";
}

/// Mutual TLS of the mesh and TLS of others cannot be told apart on one port, as in Istio.
void note_idle_tls(const InboundPort& inbound, const MeshView& view, Snapshot& snapshot) {
  if (inbound.ingress == nullptr || !inbound.ingress->tls || own_tls(inbound, view) != nullptr) return;
  add_note(view.node(), "ingress port " + std::to_string(inbound.port),
           "its tls has no effect: PeerAuthentication must be DISABLE for the port", snapshot);
}

void add_cluster(const InboundPort& inbound, const MeshView& view, Snapshot& snapshot) {
  const auto cluster = build_inbound_cluster(inbound, view);
  add_resource(cluster, cluster.name(), XdsType::kCluster, snapshot);
}

void add_own_listener(const InboundPort& inbound, const MeshView& view, Snapshot& snapshot) {
  const ProxyNode& node = view.node();
  const auto mode = inbound_mode(inbound, view);
  const std::string why = obstacle(inbound, node, mode);
  if (!node.intercepted() && node.ip != node.app_address) remove_clashing_outbound(inbound, node, snapshot);
  if (!why.empty()) {
    add_note(node, "listener " + listener_name(inbound_address(inbound, node), inbound.port), why, snapshot);
    return;
  }
  add_cluster(inbound, view, snapshot);
  const auto listener = build_inbound_listener(inbound, view, *mode);
  add_resource(listener, listener.name(), XdsType::kListener, snapshot);
}

/// Ports without a listener of their own: what the kernel redirects comes to one for all of them.
void add_intercepted(const InboundPorts& ports, const MeshView& view, Snapshot& snapshot) {
  const auto passthrough = build_inbound_passthrough(view.node());
  add_resource(passthrough, passthrough.name(), XdsType::kCluster, snapshot);
  InboundPorts captured;
  for (const auto& [port, inbound] : ports) {
    if (inbound.ingress != nullptr && inbound.ingress->own_socket()) {
      add_own_listener(inbound, view, snapshot);
      continue;
    }
    if (!is_reserved_port(port)) add_cluster(inbound, view, snapshot);
    captured.emplace(port, inbound);
  }
  add_layout(build_intercepted_inbound(captured, view), view.node(), snapshot);
}

}  // namespace

void add_inbound(const InboundPorts& ports, const MeshView& view, Snapshot& snapshot) {
  for (const auto& entry : ports) note_idle_tls(entry.second, view, snapshot);
  if (view.node().intercepted()) return add_intercepted(ports, view, snapshot);
  for (const auto& entry : ports) add_own_listener(entry.second, view, snapshot);
}

}  // namespace remora::istio
