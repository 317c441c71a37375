#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "control_plane/ads_channel.h"
#include "istio/build/snapshot.h"

namespace remora::xds {

/// Envoy's protocol on one aggregated stream, state of the world or delta, without the stream: requests in,
/// responses out. It keeps a change from ever being half there: a cluster comes with its endpoints before any
/// route names it, and leaves after the proxy has confirmed the routes that no longer do.
/// (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol)
class AdsSession {
 public:
  enum class Outcome : uint8_t { kSubscribed, kStale, kAck, kNack, kTooMuch };

  explicit AdsSession(AdsProtocol protocol = AdsProtocol::kStateOfTheWorld);

  /// What the proxy should have from now on.
  void set_snapshot(std::shared_ptr<const istio::Snapshot> snapshot);

  /// The proxy's own secrets, which are no part of the mesh. None until then.
  void set_secrets(std::shared_ptr<const istio::ResourceGroup> secrets);

  /// kTooMuch: the request follows more than AdsChannel::kMaxNames, and the stream has to end.
  Outcome on_request(const DiscoveryQuery& query);

  /// The next response that is due, if any; it counts as sent. Call until there is none, after every change
  /// of state.
  std::optional<Delivery> next();

  /// Whether something is held back until the proxy has asked for what belongs to it: listeners and routes
  /// for the endpoints of their clusters, the end of a cluster for the routes. A proxy that never asks must
  /// not wait for ever: after a while, call stop_waiting().
  bool holding_back() const { return holding_back_; }
  void stop_waiting() { patience_over_ = true; }

  /// Whether the proxy uses the snapshot's routes and listeners, as far as it asks for any.
  bool routes_settled() const;

  AdsProtocol protocol() const { return protocol_; }
  SyncState sync_state(istio::XdsType type) const { return channel(type).sync_state(); }

  /// Null before the proxy has said who it is.
  const std::shared_ptr<const istio::Snapshot>& snapshot() const { return snapshot_; }

 private:
  AdsChannel& channel(istio::XdsType type) { return channels_[static_cast<size_t>(type)]; }
  const AdsChannel& channel(istio::XdsType type) const { return channels_[static_cast<size_t>(type)]; }
  bool may_leave(istio::XdsType type, const std::string& name);
  bool clusters_have_endpoints() const;
  bool asked_for_routes() const;
  void clusters_change();
  void tables_change();

  const AdsProtocol protocol_;
  std::shared_ptr<const istio::Snapshot> snapshot_;
  bool has_secrets_ = false;
  std::array<AdsChannel, istio::kXdsTypes.size()> channels_;
  /// Clusters that the proxy has got in a new version, before it asked for endpoints.
  std::set<std::string> changed_clusters_;
  uint64_t tables_ = 0;   ///< the sum of the route tables whose virtual hosts the proxy gets
  bool resumed_ = false;  ///< the proxy came with clusters of an earlier stream
  uint64_t next_nonce_ = 1;
  bool holding_back_ = false;
  bool patience_over_ = false;
};

}  // namespace remora::xds
