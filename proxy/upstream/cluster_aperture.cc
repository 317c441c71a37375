// How a ClusterManager keeps apertures in line with this proxy's peers, which are the hosts of some cluster.

#include <string>
#include <utility>

#include "remora/config/balancer.h"
#include "stats/aperture_stats.h"
#include "upstream/cluster_entry.h"

namespace remora {
namespace {

const Aperture* aperture_of(const ClusterConfig& config) {
  return config.balancer && config.balancer->aperture ? &*config.balancer->aperture : nullptr;
}

}  // namespace

/// A proxy without a name stands anywhere, until it is started again.
void ClusterManager::identify(const NodeInfo& node) {
  node_ = &node;
  place_by_name_ = place_by_hash(node.id.empty() ? std::to_string(random_.next()) : node.id);
}

/// For a new version of the cluster. Whoever has the same peers shares what is known of them.
void ClusterManager::start_aperture(Entry& entry, const std::string& stat_name) {
  const auto& config = *entry.runtime->config;
  const Aperture* aperture = aperture_of(config);
  if (aperture == nullptr) return;
  entry.opening = std::make_unique<Opening>();
  auto& opening = *entry.opening;
  opening.scope = stats_.make_scope(aperture_stat_schema(), aperture_scope_name(stat_name));
  opening.rules.hosts = aperture->hosts;
  if (aperture->peers > 0) {
    opening.rules.place = place_of(aperture->peer, aperture->peers);
    return;
  }
  opening.peers = aperture->peers_cluster.empty() ? local_cluster_ : aperture->peers_cluster;
  opening.rules.place = place_by_name_;
  if (opening.peers.empty()) return;
  const auto [group, fresh] = peer_groups_.try_emplace(opening.peers);
  if (fresh) group->second.place = find_place_in(opening.peers);
  group->second.followers.insert(config.name);
  opening.rules.place = group->second.place.value_or(place_by_name_);
}

void ClusterManager::end_aperture(Entry& entry) {
  const auto opening = std::exchange(entry.opening, nullptr);
  if (opening == nullptr || opening->peers.empty()) return;
  const auto group = peer_groups_.find(opening->peers);
  group->second.followers.erase(entry.runtime->config->name);
  if (group->second.followers.empty()) peer_groups_.erase(group);
}

std::optional<PeerPlace> ClusterManager::find_place_in(const std::string& peers) const {
  const auto found = clusters_.find(peers);
  if (found == clusters_.end() || node_ == nullptr) return std::nullopt;
  return find_place(found->second->hosts, *node_);
}

/// The cluster of that name has other hosts, or is gone: where this proxy stands differently now, those whose
/// peers are its hosts are made anew.
void ClusterManager::follow_peers(const std::string& peers, const std::function<void(const Entry&)>& tell) {
  const auto found = peer_groups_.find(peers);
  if (found == peer_groups_.end()) return;
  auto& group = found->second;
  const auto before = std::exchange(group.place, find_place_in(peers));
  if (before == group.place) return;
  for (const auto& name : group.followers) {
    auto& entry = *clusters_.find(name)->second;
    entry.opening->rules.place = group.place.value_or(place_by_name_);
    if (entry.set == nullptr) continue;
    rebuild(entry, *entry.endpoints);
    if (!entry.warming()) tell(entry);
  }
}

void ClusterManager::report_aperture(const Entry& entry) {
  const auto& place = entry.opening->rules.place;
  auto& block = entry.opening->scope->block(0);
  block.set(kApertureHosts, entry.set->reached()->size());
  block.set(kAperturePeers, place.peers);
  block.set(kAperturePeer, place.peer);
}

}  // namespace remora
