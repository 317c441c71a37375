#include "client/discovery.h"

#include <algorithm>

#include "client/log.h"

namespace remora::xds {
namespace {

MonotonicTime after(MonotonicTime now, Milliseconds timeout) {
  return timeout.count() == 0 ? MonotonicTime::max() : now + timeout;
}

}  // namespace

Discovery::Discovery(const DynamicConfig& config, ResourceStore& store, StatsStore& stats, ConfigSink& sink)
    : config_(config),
      stats_store_(stats),
      store_(store),
      sink_(sink),
      stats_(store, stats),
      cluster_demands_(store) {
  if (config.has_server()) control_plane_.emplace(stats);
}

void Discovery::start(MonotonicTime now) {
  started_once_ = true;
  started_ = now;
  if (config_.clusters) follow_all(ResourceType::kClusters, UpdateStats::clusters(), *config_.clusters, now);
  settle(now);
}

ResourceFeed* Discovery::feed(const ResourceSource* source, ResourceType type) {
  if (source == nullptr || source->kind == ResourceSource::Kind::kAds) return ads_;
  if (maker_ == nullptr) return nullptr;
  Feed& entry = feeds_[{type, source->key}];
  if (entry.feed == nullptr) entry.feed = &maker_->make(*source, type);
  return entry.feed;
}

void Discovery::follow_all(ResourceType type, ScopeName name, const ResourceSource& source,
                           MonotonicTime from) {
  at(type).followed = true;
  at(type).deadline = after(from, source.fetch_timeout);
  stats_.follow_all(type, std::move(name));
  ResourceFeed* given = feed(&source, type);
  if (given == nullptr) return;
  if (given != ads_) feeds_[{type, source.key}].all = true;
  given->follow_all(type);
}

void Discovery::on_connected(const std::string& feed) {
  if (!control_plane_) control_plane_.emplace(stats_store_);
  connected_.insert(feed);
  control_plane_->connected(true);
}

void Discovery::on_failure(const std::string& feed, ResourceType type) { stats_.failure(type, feed); }

void Discovery::on_disconnected(const std::string& feed) {
  connected_.erase(feed);
  if (control_plane_) control_plane_->connected(!connected_.empty());
}

void Discovery::on_absent(const std::string& feed, ResourceType type, const std::string& name) {
  store_.remove(type, name, feed);
}

void Discovery::on_endpoints(const std::string& feed, const std::string& name,
                             std::shared_ptr<const EndpointSet> endpoints) {
  store_.supply_endpoints(resource_key(name, feed), std::move(endpoints));
  settle(std::chrono::steady_clock::now());
}

void Discovery::on_nack_held() {
  if (control_plane_) control_plane_->rate_limited();
}

UpdateResult Discovery::on_response(const std::string& feed, ResourceType type, const Response& response,
                                    MonotonicTime now, WallTime wall) {
  UpdateResult result = store_.update(type, response.version_info(), response.resources(), now, wall, feed);
  taken(feed, type, result, response.version_info());
  return result;
}

UpdateResult Discovery::on_delta(const std::string& feed, ResourceType type, const DeltaResponse& response,
                                 MonotonicTime now, WallTime wall) {
  UpdateResult result = store_.update(type, response, now, wall, feed);
  if (type == ResourceType::kClusters) {
    cluster_demands_.removed(feed, response.removed_resources());
    cluster_demands_.refused(result.refused);
  }
  taken(feed, type, result, response.system_version_info());
  return result;
}

void Discovery::taken(const std::string& feed, ResourceType type, const UpdateResult& result,
                      const std::string& version) {
  at(type).answered = at(type).heard = true;
  if (result.ok()) {
    at(type).version = version;
  } else {
    log(LogLevel::kWarning,
        "refused version '" + version + "' of " + std::string(type_url(type)) + ": " + result.details());
  }
  stats_.count(type, result, version, feed);
}

void Discovery::on_time(MonotonicTime now) {
  for (const ResourceType type : kResourceTypes) {
    TypeState& state = at(type);
    if (state.answered || state.deadline > now) continue;
    state.answered = true;
    stats_.fetch_timeout(type);
    log(LogLevel::kWarning, "initial fetch timed out for " + std::string(type_url(type)));
  }
  store_.expire(now);
  cluster_demands_.expire(now);
  settle(now);
}

MonotonicTime Discovery::next_deadline() const {
  MonotonicTime next = std::min(store_.next_deadline(), cluster_demands_.next_deadline());
  for (const TypeState& state : types_) {
    if (!state.answered) next = std::min(next, state.deadline);
  }
  return next;
}

void Discovery::settle(MonotonicTime now) {
  if (!started_once_) return;
  advance_start(now);
  follow_new_names();
  ConfigBatch batch = store_.take_batch();
  cluster_demands_.activated(batch.clusters);
  for (SettledDemand& answer : cluster_demands_.take_settled()) batch.settled.push_back(std::move(answer));
  stats_.forget(ResourceType::kEndpoints, batch.removed_clusters);
  stats_.forget(ResourceType::kRoutes, batch.removed_listeners);
  stats_.forget(ResourceType::kVirtualHosts, batch.removed_listeners);
  stats_.count_timeouts(store_.take_timed_out());
  stats_.refresh();
  if (!batch.empty()) sink_.apply(std::move(batch));
  if (settled_) settled_();
  if (done_ || !clusters_ready_ || store_.listeners().is_warming()) return;
  if (config_.listeners && !at(ResourceType::kListeners).answered) return;
  done_ = true;
  sink_.initial_fetch_done();
}

void Discovery::follow_new_names() {
  // In this order: tables that nobody holds any more let go of their virtual hosts.
  for (const ResourceType type :
       {ResourceType::kEndpoints, ResourceType::kRoutes, ResourceType::kVirtualHosts, ResourceType::kSecrets,
        ResourceType::kExtensions}) {
    for (const ResourceStore::Touched& touched : store_.take_touched(type)) {
      if (!touched.is_wanted) {
        unfollow(touched, type);
      } else {
        follow(touched, type);
      }
    }
  }
  for (const ResourceStore::Touched& dropped : cluster_demands_.take_dropped())
    unfollow(dropped, ResourceType::kClusters);
}

void Discovery::follow(const ResourceStore::Touched& touched, ResourceType type) {
  ResourceFeed* source = feed(touched.source.get(), type);
  if (source == nullptr) return;
  if (source != ads_) feeds_[{type, touched.source->key}].names.insert(touched.name);
  if (touched.name.empty()) {
    source->follow_all(type);
  } else {
    source->follow(type, touched.name);
  }
}

void Discovery::demand(const Demand& demand, MonotonicTime now) {
  if (demand.key.kind == DemandKey::Kind::kCluster) {
    demand_cluster(demand, now);
  } else {
    store_.demand_virtual_host(demand);
  }
  settle(now);
}

void Discovery::demand_cluster(const Demand& demand, MonotonicTime now) {
  const auto origin = std::dynamic_pointer_cast<const DemandOrigin>(demand.source);
  if (origin == nullptr || !can_ask(origin->source)) {
    if (!std::exchange(said_no_delta_, true))
      log(LogLevel::kWarning,
          "clusters are not asked for on demand: that needs delta xDS (api_type DELTA_GRPC)");
    return cluster_demands_.refuse(demand);
  }
  const std::shared_ptr<const ResourceSource> source(origin, &origin->source);
  if (cluster_demands_.add(demand, source, now))
    follow({demand.key.name, source, true}, ResourceType::kClusters);
}

/// Of the state of the world, names that are asked for would be all there is.
bool Discovery::can_ask(const ResourceSource& source) const {
  if (source.kind != ResourceSource::Kind::kAds) return source.is_delta;
  return config_.ads && config_.ads->is_delta;
}

void Discovery::unfollow(const ResourceStore::Touched& touched, ResourceType type) {
  if (!touched.source || touched.source->kind == ResourceSource::Kind::kAds) {
    if (ads_ != nullptr) ads_->unfollow(type, touched.name);
    return;
  }
  const auto found = feeds_.find({type, touched.source->key});
  if (found == feeds_.end()) return;
  Feed& entry = found->second;
  entry.names.erase(touched.name);
  entry.feed->unfollow(type, touched.name);
  if (entry.all || !entry.names.empty()) return;
  maker_->retire(*entry.feed);
  feeds_.erase(found);
}

/// Listeners are asked for only when the clusters that they may use are there.
void Discovery::advance_start(MonotonicTime now) {
  if (clusters_ready_) return;
  if ((config_.clusters && !at(ResourceType::kClusters).answered) || store_.clusters().is_warming()) return;
  clusters_ready_ = true;
  if (!config_.listeners) return;
  // If the server never answered, the time of waiting for it counts for the listeners too.
  const bool heard = !config_.clusters || at(ResourceType::kClusters).heard;
  follow_all(ResourceType::kListeners, UpdateStats::listeners(), *config_.listeners, heard ? now : started_);
}

}  // namespace remora::xds
