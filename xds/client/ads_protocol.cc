#include "client/ads_protocol.h"

#include <algorithm>

#include "client/log.h"

namespace remora::xds {
namespace {

constexpr int kInvalidArgument = 3;  // google.rpc.Code

MonotonicTime after(MonotonicTime now, Milliseconds timeout) {
  return timeout.count() == 0 ? MonotonicTime::max() : now + timeout;
}

/// Of the connection manager that takes these routes.
std::string stat_prefix_of(const ListenerSet::Entry& entry, const std::string& routes) {
  for (const auto* version : {&entry.active, &entry.warming}) {
    if (!*version) continue;
    for (const auto& candidate : (*version)->parent.routes) {
      if (candidate.name == routes) return candidate.stat_prefix;
    }
  }
  return {};
}

}  // namespace

AdsProtocol::AdsProtocol(const AdsConfig& config, const envoy::config::core::v3::Node& node,
                         ResourceStore& store, StatsStore& stats, ConfigSink& sink)
    : config_(config),
      node_(node),
      store_(store),
      stats_store_(stats),
      sink_(sink),
      source_stats_(stats) {
  if (config.target.empty()) return;
  control_plane_.emplace(stats);
  at(ResourceType::kClusters).stats = UpdateStats(stats, UpdateStats::clusters());
  at(ResourceType::kListeners).stats = UpdateStats(stats, UpdateStats::listeners());
}

void AdsProtocol::start(MonotonicTime now) {
  started_once_ = true;
  started_ = now;
  if (config_.clusters) subscribe(ResourceType::kClusters, after(now, config_.clusters_fetch_timeout));
  settle(now);
}

void AdsProtocol::subscribe(ResourceType type, MonotonicTime deadline) {
  Subscription& subscription = at(type);
  subscription.subscribed = true;
  subscription.deadline = deadline;
  if (subscription.stats) subscription.stats.attempt();
  ask(type);
}

/// One pending request per type is enough: it is made from what is wanted when it is sent.
void AdsProtocol::ask(ResourceType type) {
  const auto same = [&](const Outgoing& pending) { return pending.type == type; };
  if (is_connected_ && std::none_of(outgoing_.begin(), outgoing_.end(), same))
    outgoing_.push_back({type, std::nullopt});
}

void AdsProtocol::connected() {
  is_connected_ = true;
  first_on_stream_ = true;
  control_plane_->connected(true);
  outgoing_.clear();
  for (const ResourceType type : kResourceTypes) {
    Subscription& subscription = at(type);
    subscription.nonce.clear();
    subscription.held_nack.reset();
    if (subscription.subscribed) ask(type);
  }
}

void AdsProtocol::disconnected() {
  is_connected_ = false;
  control_plane_->connected(false);
  outgoing_.clear();
  for (const ResourceType type : kResourceTypes) {
    Subscription& subscription = at(type);
    subscription.held_nack.reset();
    if (subscription.subscribed && subscription.stats) subscription.stats.failure();
    for (auto& [names, stats] : child_stats_[index_of(type)]) stats.failure();
  }
  for (const std::string& name : store_.wanted(ResourceType::kSecrets))
    store_.secrets().stats(ads_secret_key(name)).failure();
}

std::optional<AdsProtocol::Request> AdsProtocol::next_request() {
  if (outgoing_.empty()) return std::nullopt;
  const Outgoing next = std::move(outgoing_.front());
  outgoing_.pop_front();
  Subscription& subscription = at(next.type);
  subscription.names_version = store_.wanted_version(next.type);
  Request request;
  request.set_type_url(std::string(type_url(next.type)));
  request.set_version_info(subscription.version);
  request.set_response_nonce(subscription.nonce);
  for (const std::string& name : store_.wanted(next.type)) request.add_resource_names(name);
  if (next.error) {
    request.mutable_error_detail()->set_code(kInvalidArgument);
    request.mutable_error_detail()->set_message(*next.error);
  }
  if (first_on_stream_ || !config_.node_on_first_message_only) *request.mutable_node() = node_;
  first_on_stream_ = false;
  return request;
}

void AdsProtocol::received(const Response& response, MonotonicTime now, WallTime wall) {
  const auto type = type_of(response.type_url());
  if (!type || !at(*type).subscribed) {
    log(LogLevel::kWarning,
        "a response of the type '" + response.type_url() + "', which was not asked for: not read");
    return;
  }
  const UpdateResult result = store_.update(*type, response.version_info(), response.resources(), now, wall);
  at(*type).nonce = response.nonce();
  at(*type).answered = true;
  answer(*type, response, result, now);
  count(*type, result, response.version_info());
  settle(now);
}

void AdsProtocol::answer(ResourceType type, const Response& response, const UpdateResult& result,
                         MonotonicTime now) {
  Subscription& subscription = at(type);
  subscription.held_nack.reset();
  // What waits to be said of this type is about an older nonce, or is said by this answer as well.
  std::erase_if(outgoing_, [&](const Outgoing& pending) { return pending.type == type; });
  if (result.ok()) {
    subscription.version = response.version_info();
    outgoing_.push_back({type, std::nullopt});
    return;
  }
  log(LogLevel::kWarning, "refused version '" + response.version_info() + "' of " +
                              std::string(type_url(type)) + ": " + result.details());
  if (subscription.nacks.take(now)) {
    outgoing_.push_back({type, result.details()});
  } else {
    subscription.held_nack = result.details();
    control_plane_->rate_limited();
  }
}

void AdsProtocol::on_time(MonotonicTime now) {
  for (const ResourceType type : kResourceTypes) {
    Subscription& subscription = at(type);
    if (subscription.held_nack && subscription.nacks.next() <= now && subscription.nacks.take(now)) {
      outgoing_.push_back({type, std::exchange(subscription.held_nack, std::nullopt)});
    }
    if (!subscription.answered && subscription.deadline <= now) {
      subscription.answered = true;
      if (subscription.stats) subscription.stats.fetch_timeout();
      log(LogLevel::kWarning, "initial fetch timed out for " + std::string(type_url(type)));
    }
  }
  store_.expire(now);
  settle(now);
}

MonotonicTime AdsProtocol::next_deadline() const {
  MonotonicTime next = store_.next_deadline();
  for (const Subscription& subscription : subscriptions_) {
    if (!subscription.answered) next = std::min(next, subscription.deadline);
    if (subscription.held_nack) next = std::min(next, subscription.nacks.next());
  }
  return next;
}

void AdsProtocol::settle(MonotonicTime now) {
  if (!started_once_) return;
  advance_start(now);
  ask_for_new_names();
  ConfigBatch batch = store_.take_batch();
  forget_child_stats(ResourceType::kEndpoints, batch.removed_clusters);
  forget_child_stats(ResourceType::kRoutes, batch.removed_listeners);
  count_timeouts();
  source_stats_.warming(store_.clusters().warming_count(), store_.listeners().warming_count());
  source_stats_.unknown_fields(store_.unknown_fields());
  if (!batch.empty()) sink_.apply(std::move(batch));
  if (settled_) settled_();
  if (done_ || !clusters_ready_ || store_.listeners().is_warming()) return;
  if (config_.listeners && !at(ResourceType::kListeners).answered) return;
  done_ = true;
  sink_.initial_fetch_done();
}

void AdsProtocol::ask_for_new_names() {
  for (const ResourceType type : {ResourceType::kEndpoints, ResourceType::kRoutes, ResourceType::kSecrets}) {
    Subscription& subscription = at(type);
    if (store_.wanted_version(type) == subscription.names_version) continue;
    subscription.subscribed = true;
    ask(type);
  }
}

/// Listeners are asked for only when the clusters that they may use are there.
void AdsProtocol::advance_start(MonotonicTime now) {
  if (clusters_ready_) return;
  const bool answered = at(ResourceType::kClusters).answered;
  if ((config_.clusters && !answered) || store_.clusters().is_warming()) return;
  clusters_ready_ = true;
  if (!config_.listeners) return;
  // If the server never answered, the time of waiting for it counts for the listeners too.
  const bool heard = !config_.clusters || !at(ResourceType::kClusters).nonce.empty();
  subscribe(ResourceType::kListeners, after(heard ? now : started_, config_.listeners_fetch_timeout));
}

void AdsProtocol::forget_child_stats(ResourceType type, const std::vector<std::string>& parents) {
  auto& stats = child_stats_[index_of(type)];
  for (const std::string& parent : parents) {
    auto found = stats.lower_bound({parent, {}});
    while (found != stats.end() && found->first.first == parent) found = stats.erase(found);
  }
}

void AdsProtocol::count_timeouts() {
  const auto timed_out = store_.take_timed_out();
  for (const auto& [name, need] : timed_out.clusters) count_timeout(name, need);
  for (const auto& [name, need] : timed_out.listeners) count_timeout(name, need);
}

void AdsProtocol::count_timeout(const std::string& parent, const NeedKey& need) {
  switch (need.kind) {
    case NeedKind::kEndpoints:
      log(LogLevel::kWarning, "the endpoints of cluster '" + parent + "' did not come in time: it is empty");
      return child_stats(ResourceType::kEndpoints, parent, need.name).fetch_timeout();
    case NeedKind::kRoutes:
      log(LogLevel::kWarning, "the routes of listener '" + parent + "' did not come in time: it answers 404");
      return child_stats(ResourceType::kRoutes, parent, need.name).fetch_timeout();
    case NeedKind::kSecret:
      log(LogLevel::kWarning, "the secret '" + need.name + "' did not come in time: connections of '" +
                                  parent + "' that need it are closed");
      if (UpdateStats& stats = store_.secrets().stats(need.name)) stats.fetch_timeout();
  }
}

void AdsProtocol::count(ResourceType type, const UpdateResult& result, const std::string& version) {
  if (is_whole_set(type)) {
    if (result.ok()) {
      at(type).stats.success(version);
    } else {
      at(type).stats.rejected();
    }
    return;
  }
  for (const std::string& child : result.accepted) {
    each_child_stats(type, child, [&](UpdateStats& stats) { stats.success(version); });
  }
  for (const std::string& child : result.refused) {
    each_child_stats(type, child, [](UpdateStats& stats) { stats.rejected(); });
  }
}

template <typename Call>
void AdsProtocol::each_child_stats(ResourceType type, const std::string& child, Call call) {
  if (type == ResourceType::kSecrets) {
    if (UpdateStats& stats = store_.secrets().stats(ads_secret_key(child))) call(stats);
    return;
  }
  const auto visit = [&](const auto& table) {
    const auto* entry = table.find(child);
    if (entry == nullptr) return;
    for (const std::string& parent : entry->users) call(child_stats(type, parent, child));
  };
  if (type == ResourceType::kEndpoints) {
    visit(store_.endpoints());
  } else {
    visit(store_.routes());
  }
}

UpdateStats& AdsProtocol::child_stats(ResourceType type, const std::string& parent,
                                      const std::string& child) {
  UpdateStats& stats = child_stats_[index_of(type)][{parent, child}];
  if (stats) return stats;
  if (type == ResourceType::kEndpoints) {
    const auto* entry = store_.clusters().find(parent);
    const auto& version = entry->active ? entry->active : entry->warming;
    stats = UpdateStats(stats_store_, UpdateStats::endpoints(cluster_stat_name(*version->parent.config)));
  } else {
    stats = UpdateStats(stats_store_,
                        UpdateStats::routes(stat_prefix_of(*store_.listeners().find(parent), child), child));
  }
  stats.attempt();
  return stats;
}

}  // namespace remora::xds
