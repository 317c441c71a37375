#include "control_plane/ads_session.h"

#include <algorithm>
#include <utility>

namespace remora::xds {

using istio::EncodedResources;
using istio::XdsType;

namespace {

/// What leads to clusters, so that these have to be there before and may leave behind it.
bool names_clusters(XdsType type) {
  return type == XdsType::kListener || type == XdsType::kRoute || type == XdsType::kVirtualHost;
}

}  // namespace

AdsSession::AdsSession(AdsProtocol protocol)
    : protocol_(protocol),
      channels_{AdsChannel(XdsType::kSecret, protocol),   AdsChannel(XdsType::kCluster, protocol),
                AdsChannel(XdsType::kEndpoint, protocol), AdsChannel(XdsType::kListener, protocol),
                AdsChannel(XdsType::kRoute, protocol),    AdsChannel(XdsType::kVirtualHost, protocol)} {}

void AdsSession::set_snapshot(std::shared_ptr<const istio::Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  patience_over_ = false;
  for (const XdsType type : istio::kXdsTypes) {
    if (type == XdsType::kSecret && has_secrets_) continue;
    channel(type).set_group(snapshot_->shared_group(type));
  }
}

void AdsSession::set_secrets(std::shared_ptr<const istio::ResourceGroup> secrets) {
  has_secrets_ = true;
  channel(XdsType::kSecret).set_group(std::move(secrets));
}

AdsSession::Outcome AdsSession::on_request(const DiscoveryQuery& query) {
  using Answer = AdsChannel::Answer;
  AdsChannel& state = channel(query.type);
  const bool first = !state.subscribed();
  const Answer answer = state.answer(query);
  // What a late answer says of the subscription was overtaken, unless it is told by what changes of it.
  if (answer == Answer::kStale && protocol_ == AdsProtocol::kStateOfTheWorld) return Outcome::kStale;
  if (!state.subscribe(query)) return Outcome::kTooMuch;
  if (first && query.type == XdsType::kCluster) resumed_ = !query.initial_versions.empty();
  if (first && query.type == XdsType::kEndpoint) {
    for (const std::string& name : std::exchange(changed_clusters_, {})) state.send_again(name);
  }
  switch (answer) {
    case Answer::kNone: return Outcome::kSubscribed;
    case Answer::kStale: return Outcome::kStale;
    case Answer::kAck: return Outcome::kAck;
    case Answer::kNack: return Outcome::kNack;
  }
  return Outcome::kSubscribed;
}

std::optional<Delivery> AdsSession::next() {
  if (snapshot_ == nullptr) return std::nullopt;
  holding_back_ = false;
  for (const XdsType type : istio::kXdsTypes) {
    AdsChannel& state = channel(type);
    if (!state.subscribed() || state.waiting()) continue;
    if (type == XdsType::kVirtualHost) tables_change();
    if (names_clusters(type) && !patience_over_ && (state.has_news() || !state.gone().empty()) &&
        !clusters_have_endpoints()) {
      holding_back_ = true;
      continue;
    }
    if (type == XdsType::kCluster) clusters_change();
    auto delivery = state.take([&](const std::string& name) { return may_leave(type, name); },
                               [&] { return std::to_string(next_nonce_++); });
    if (delivery) return delivery;
  }
  return std::nullopt;
}

/// A cluster that changed is a new one to the proxy, and waits for endpoints even if they are the old ones.
void AdsSession::clusters_change() {
  const AdsChannel& clusters = channel(XdsType::kCluster);
  AdsChannel& endpoints = channel(XdsType::kEndpoint);
  for (const std::string& name : clusters.due()) {
    if (!clusters.sent().contains(name)) continue;
    if (endpoints.subscribed()) {
      endpoints.send_again(name);
    } else if (protocol_ == AdsProtocol::kDelta) {
      changed_clusters_.insert(name);
    }
  }
}

/// Envoy does not name the tables whose virtual hosts it wants, and drops those of tables that it does not
/// have yet. So it gets them once it has accepted their table.
void AdsSession::tables_change() {
  AdsChannel& hosts = channel(XdsType::kVirtualHost);
  const AdsChannel& routes = channel(XdsType::kRoute);
  if (!hosts.follows_own_tables() || routes.waiting() || tables_ == routes.sent().sum()) return;
  tables_ = routes.sent().sum();
  std::vector<std::string> tables;
  for (const auto& entry : routes.sent()) tables.emplace_back(entry.first);
  // Who asks for hosts waits to hear that there are none yet.
  hosts.follow_tables(std::move(tables), snapshot_->on_demand);
}

/// Whether what is gone may be taken from the proxy now: after what names it.
bool AdsSession::may_leave(XdsType type, const std::string& name) {
  if (type == XdsType::kCluster) {
    // Who has come back still has routes, though it may not have asked for them yet.
    const bool will_ask = resumed_ && !asked_for_routes() && !patience_over_;
    holding_back_ = holding_back_ || will_ask;
    return !will_ask && routes_settled();
  }
  if (!channel(type).sent().contains(name)) return true;  // it only learns that there is none
  if (type == XdsType::kEndpoint) return !channel(XdsType::kCluster).gone().contains(name);
  if (type == XdsType::kRoute)
    return !channel(XdsType::kListener).subscribed() || channel(XdsType::kListener).settled();
  return true;
}

bool AdsSession::asked_for_routes() const {
  const bool has_hosts = snapshot_->on_demand || !channel(XdsType::kVirtualHost).group().resources.empty();
  return channel(XdsType::kListener).subscribed() && channel(XdsType::kRoute).subscribed() &&
         (!has_hosts || channel(XdsType::kVirtualHost).subscribed());
}

/// One that it rejected leaves the old one in use.
bool AdsSession::routes_settled() const {
  return std::all_of(istio::kXdsTypes.begin(), istio::kXdsTypes.end(), [&](XdsType type) {
    if (!names_clusters(type)) return true;
    return !channel(type).subscribed() || channel(type).settled();
  });
}

/// Whether the proxy was sent all clusters of the snapshot, and the endpoints of each.
bool AdsSession::clusters_have_endpoints() const {
  const AdsChannel& clusters = channel(XdsType::kCluster);
  const AdsChannel& endpoints = channel(XdsType::kEndpoint);
  if (!clusters.subscribed()) return true;
  if (clusters.has_news()) return false;
  const EncodedResources& available = endpoints.group().resources;
  if (endpoints.sent().sum() == available.sum()) return true;
  return std::all_of(clusters.sent().begin(), clusters.sent().end(), [&](const auto& cluster) {
    return !available.contains(cluster.first) || endpoints.sent().contains(cluster.first);
  });
}

}  // namespace remora::xds
