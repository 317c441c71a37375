#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "istio/build/snapshot.h"

namespace remora::xds {

using NamesPtr = std::shared_ptr<const std::vector<std::string>>;

/// A DiscoveryRequest, as far as the state-of-the-world protocol looks at it.
struct DiscoveryQuery {
  istio::XdsType type = istio::XdsType::kCluster;
  std::string nonce;
  NamesPtr
      names;  ///< null: none. The same pointer as before means the same names: nobody looks at them again
  std::optional<std::string> error;  ///< error_detail's message: the last response was rejected
};

/// One response to send.
struct Delivery {
  istio::XdsType type = istio::XdsType::kCluster;
  std::string version;
  std::string nonce;
  std::vector<std::shared_ptr<const istio::EncodedResource>> resources;
};

/// How far one type has got on one stream.
struct SyncState {
  bool subscribed = false;
  std::string sent;      ///< the version sent last
  std::string acked;     ///< the version accepted last
  std::string nacked;    ///< the version rejected; empty once a later one was accepted
  std::string error;     ///< why
  bool waiting = false;  ///< for the answer to what was sent last
  size_t resources = 0;  ///< in what the proxy was sent
};

/// Envoy's state-of-the-world protocol on one aggregated stream, without the stream: requests in, responses
/// out. It keeps a change from ever being half there: a cluster comes with its endpoints before any route
/// names it, and leaves after the proxy has confirmed the routes that no longer do.
/// (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol)
class AdsSession {
 public:
  enum class Outcome { kSubscribed, kStale, kAck, kNack };

  /// What the proxy should have from now on.
  void set_snapshot(std::shared_ptr<const istio::Snapshot> snapshot);

  /// The proxy's own secrets, which are no part of the mesh. None until then.
  void set_secrets(std::shared_ptr<const istio::ResourceGroup> secrets);

  Outcome on_request(const DiscoveryQuery& query);

  /// The next response that is due, if any; it counts as sent. Call until there is none, after every change
  /// of state.
  std::optional<Delivery> next();

  /// Whether listeners and routes are held back until the proxy has asked for its clusters' endpoints. A
  /// proxy that never asks must not wait for ever: after a while, call stop_waiting().
  bool holding_back() const { return holding_back_; }
  void stop_waiting() { patience_over_ = true; }

  SyncState sync_state(istio::XdsType type) const;

  /// Null before the proxy has said who it is.
  const std::shared_ptr<const istio::Snapshot>& snapshot() const { return snapshot_; }

 private:
  /// One type's subscription, and what the proxy was told of it.
  struct Channel {
    bool subscribed = false;
    bool wildcard = false;
    std::vector<std::string> names;  ///< sorted
    NamesPtr asked;                  ///< the request's that these came from
    bool must_answer = false;        ///< a full set is due even if nothing changed
    /// Of the types that are sent by name: what differs from what was sent, or was never sent.
    std::set<std::string> due;
    /// Of the types that are sent as a whole: `sent` is exactly what the group holds.
    bool complete = false;
    istio::EncodedResources sent;
    std::string nonce;
    bool waiting = false;
    std::string sent_version;
    std::string acked_version;
    std::string nacked_version;
    std::string error;
  };

  const istio::ResourceGroup& group(istio::XdsType type) const;
  Channel& channel(istio::XdsType type) { return channels_[static_cast<size_t>(type)]; }
  const Channel& channel(istio::XdsType type) const { return channels_[static_cast<size_t>(type)]; }
  void group_changed(istio::XdsType type, const istio::ResourceGroup& before);
  bool has_group(istio::XdsType type) const;
  void check_due(istio::XdsType type, const std::string& name);
  void subscribe(istio::XdsType type, const std::vector<std::string>& names);
  void settle(Channel& channel, const DiscoveryQuery& query) const;

  std::optional<Delivery> next_full(istio::XdsType type);
  std::optional<Delivery> next_named(istio::XdsType type);
  Delivery deliver(istio::XdsType type, std::string version);
  istio::EncodedResources wanted(istio::XdsType type) const;
  void keep_clusters_in_use(istio::EncodedResources& clusters) const;
  void resend_endpoints_of_changed(const istio::EncodedResources& before, const istio::EncodedResources& now);
  bool has_news(istio::XdsType type) const;
  bool routes_settled() const;
  bool clusters_have_endpoints() const;

  std::shared_ptr<const istio::Snapshot> snapshot_;
  std::shared_ptr<const istio::ResourceGroup> secrets_;
  std::array<Channel, istio::kXdsTypes.size()> channels_;
  uint64_t next_nonce_ = 1;
  bool holding_back_ = false;
  bool patience_over_ = false;
};

}  // namespace remora::xds
