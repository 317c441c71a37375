#include "control_plane/ads_session.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace remora::xds {
namespace {

using istio::EncodedResources;
using istio::XdsType;

/// Responses of these types hold everything there is, so what is missing is deleted. The others are removed
/// by their parents.
bool is_full(XdsType type) { return type == XdsType::kCluster || type == XdsType::kListener; }

using Names = std::vector<std::string>;  // sorted

bool contains(const Names& names, const std::string& name) {
  return std::binary_search(names.begin(), names.end(), name);
}

bool take_out(const std::string& name, Names& names) {
  const auto place = std::lower_bound(names.begin(), names.end(), name);
  if (place == names.end() || *place != name) return false;
  names.erase(place);
  return true;
}

/// What `all` has and `names` has not.
Names missing_in(const Names& names, const Names& all) {
  Names missing;
  std::set_difference(all.begin(), all.end(), names.begin(), names.end(), std::back_inserter(missing));
  return missing;
}

bool same(const EncodedResources& a, const EncodedResources& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second->hash == y.second->hash;
  });
}

}  // namespace

void AdsSession::set_snapshot(std::shared_ptr<const istio::Snapshot> snapshot) {
  static const istio::Snapshot kNothing;
  const auto before = std::exchange(snapshot_, std::move(snapshot));
  patience_over_ = false;
  for (const XdsType type : istio::kXdsTypes) {
    if (type == XdsType::kSecret && secrets_ != nullptr) continue;
    group_changed(type, (before == nullptr ? kNothing : *before).group(type));
  }
}

void AdsSession::set_secrets(std::shared_ptr<const istio::ResourceGroup> secrets) {
  static const istio::ResourceGroup kNothing;
  const auto before = std::exchange(secrets_, std::move(secrets));
  group_changed(XdsType::kSecret, before == nullptr ? kNothing : *before);
}

/// Finds out what is due of a new group. Costs what has changed, where the group knows that.
void AdsSession::group_changed(XdsType type, const istio::ResourceGroup& before) {
  const istio::ResourceGroup& now = group(type);
  Channel& state = channel(type);
  if (now.version == before.version) return;
  state.complete = false;
  if (is_full(type)) return;
  if (now.based_on == before.version) {
    for (const std::string& name : now.changed) {
      if (contains(state.names, name)) check_due(type, name);
    }
  } else {
    for (const std::string& name : state.names) check_due(type, name);
  }
}

void AdsSession::check_due(XdsType type, const std::string& name) {
  Channel& state = channel(type);
  const auto available = group(type).resources.find(name);
  const auto sent = state.sent.find(name);
  const bool differs = available != group(type).resources.end() &&
                       (sent == state.sent.end() || sent->second->hash != available->second->hash);
  if (differs) {
    state.due.insert(name);
  } else {
    state.due.erase(name);
  }
}

const istio::ResourceGroup& AdsSession::group(XdsType type) const {
  return type == XdsType::kSecret && secrets_ != nullptr ? *secrets_ : snapshot_->group(type);
}

bool AdsSession::has_group(XdsType type) const {
  return snapshot_ != nullptr || (type == XdsType::kSecret && secrets_ != nullptr);
}

AdsSession::Outcome AdsSession::on_request(const DiscoveryQuery& query) {
  Channel& state = channel(query.type);
  const bool first = !state.subscribed;
  if (!first && query.nonce != state.nonce) return Outcome::kStale;
  Outcome outcome = Outcome::kSubscribed;
  if (!first && state.waiting) {
    outcome = query.error ? Outcome::kNack : Outcome::kAck;
    settle(state, query);
  }
  // Every acknowledgement repeats the whole subscription.
  if (first || query.names != state.asked) {
    static const Names kNone;
    subscribe(query.type, query.names == nullptr ? kNone : *query.names);
    state.asked = query.names;
  }
  return outcome;
}

void AdsSession::settle(Channel& state, const DiscoveryQuery& query) const {
  state.waiting = false;
  if (query.error) {
    state.nacked_version = state.sent_version;
    state.error = *query.error;
    return;
  }
  state.acked_version = state.sent_version;
  state.nacked_version.clear();
  state.error.clear();
}

void AdsSession::subscribe(XdsType type, const std::vector<std::string>& names) {
  Channel& state = channel(type);
  Names wanted(names);
  if (!std::is_sorted(wanted.begin(), wanted.end())) std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  const bool explicit_wildcard = take_out("*", wanted);
  // An empty first request means everything; so do later empty ones, unless names were given in between.
  const bool legacy_wildcard =
      wanted.empty() && (!state.subscribed || (state.wildcard && state.names.empty()));
  const bool wildcard = is_full(type) && (explicit_wildcard || legacy_wildcard);
  if (state.subscribed && wildcard == state.wildcard && wanted == state.names) return;
  bool grew = !state.subscribed || (wildcard && !state.wildcard);
  std::swap(state.names, wanted);
  const Names& before = wanted;
  for (const std::string& name : missing_in(state.names, before)) {
    if (is_full(type)) break;
    state.due.erase(name);
    state.sent.erase(name);
  }
  for (const std::string& name : missing_in(before, state.names)) {
    grew = true;
    if (!is_full(type) && has_group(type)) check_due(type, name);
  }
  state.must_answer = state.must_answer || grew;
  state.subscribed = true;
  state.wildcard = wildcard;
  state.complete = false;
}

std::optional<Delivery> AdsSession::next() {
  if (snapshot_ == nullptr) return std::nullopt;
  holding_back_ = false;
  for (const XdsType type : istio::kXdsTypes) {
    const Channel& state = channel(type);
    if (!state.subscribed || state.waiting) continue;
    const bool names_clusters = type == XdsType::kListener || type == XdsType::kRoute;
    if (names_clusters && !patience_over_ && has_news(type) && !clusters_have_endpoints()) {
      holding_back_ = true;
      continue;
    }
    auto delivery = is_full(type) ? next_full(type) : next_named(type);
    if (delivery) return delivery;
  }
  return std::nullopt;
}

std::optional<Delivery> AdsSession::next_full(XdsType type) {
  if (!has_news(type)) return std::nullopt;
  Channel& state = channel(type);
  EncodedResources now = wanted(type);
  if (type == XdsType::kCluster) resend_endpoints_of_changed(state.sent, now);
  state.sent = std::move(now);
  state.must_answer = false;
  state.complete = state.wildcard && same(state.sent, group(type).resources);
  Delivery delivery = deliver(type, version_of(state.sent));
  for (const auto& entry : state.sent) delivery.resources.push_back(entry.second);
  return delivery;
}

std::optional<Delivery> AdsSession::next_named(XdsType type) {
  Channel& state = channel(type);
  if (state.due.empty()) return std::nullopt;
  const EncodedResources& available = group(type).resources;
  std::vector<std::shared_ptr<const istio::EncodedResource>> due;
  for (const std::string& name : state.due) {
    due.push_back(available.at(name));
    state.sent[name] = due.back();
  }
  state.due.clear();
  state.must_answer = false;
  Delivery delivery = deliver(type, group(type).version);
  delivery.resources = std::move(due);
  return delivery;
}

Delivery AdsSession::deliver(XdsType type, std::string version) {
  Channel& state = channel(type);
  state.nonce = std::to_string(next_nonce_++);
  state.sent_version = std::move(version);
  state.waiting = true;
  return {type, state.sent_version, state.nonce, {}};
}

/// Of the types that are sent as a whole: what this subscription covers, and clusters that must stay a little
/// longer.
EncodedResources AdsSession::wanted(XdsType type) const {
  const Channel& state = channel(type);
  const EncodedResources& available = group(type).resources;
  EncodedResources resources;
  if (state.wildcard) {
    resources = available;
  } else {
    for (const std::string& name : state.names) {
      const auto resource = available.find(name);
      if (resource != available.end()) resources.insert(*resource);
    }
  }
  if (type == XdsType::kCluster) keep_clusters_in_use(resources);
  return resources;
}

/// A cluster that is gone from the mesh stays until the proxy has confirmed routes and listeners that do not
/// name it.
void AdsSession::keep_clusters_in_use(EncodedResources& clusters) const {
  if (routes_settled()) return;
  const Channel& state = channel(XdsType::kCluster);
  for (const auto& [name, resource] : state.sent) {
    if (state.wildcard || contains(state.names, name)) clusters.emplace(name, resource);
  }
}

/// A cluster that changed is a new one to the proxy, and waits for endpoints even if they are the old ones.
void AdsSession::resend_endpoints_of_changed(const EncodedResources& before, const EncodedResources& now) {
  Channel& endpoints = channel(XdsType::kEndpoint);
  for (const auto& [name, resource] : now) {
    const auto old = before.find(name);
    if (old == before.end() || old->second->hash == resource->hash) continue;
    if (endpoints.sent.erase(name) > 0) check_due(XdsType::kEndpoint, name);
  }
}

bool AdsSession::has_news(XdsType type) const {
  const Channel& state = channel(type);
  if (!is_full(type)) return !state.due.empty();
  return state.must_answer || (!state.complete && !same(state.sent, wanted(type)));
}

/// Whether the proxy uses the snapshot's routes and listeners. One that it rejected leaves the old one in
/// use.
bool AdsSession::routes_settled() const {
  return std::all_of(istio::kXdsTypes.begin(), istio::kXdsTypes.end(), [&](XdsType type) {
    if (type != XdsType::kListener && type != XdsType::kRoute) return true;
    const Channel& state = channel(type);
    return !state.subscribed || (!state.waiting && state.nacked_version.empty() && !has_news(type));
  });
}

/// Whether the proxy was sent all clusters of the snapshot, and the endpoints of each.
bool AdsSession::clusters_have_endpoints() const {
  const Channel& clusters = channel(XdsType::kCluster);
  const Channel& endpoints = channel(XdsType::kEndpoint);
  if (!clusters.subscribed) return true;
  if (has_news(XdsType::kCluster)) return false;
  const EncodedResources& available = group(XdsType::kEndpoint).resources;
  return std::all_of(clusters.sent.begin(), clusters.sent.end(), [&](const auto& cluster) {
    return !available.contains(cluster.first) || endpoints.sent.contains(cluster.first);
  });
}

SyncState AdsSession::sync_state(XdsType type) const {
  const Channel& state = channel(type);
  return {state.subscribed, state.sent_version, state.acked_version, state.nacked_version,
          state.error,      state.waiting,      state.sent.size()};
}

}  // namespace remora::xds
