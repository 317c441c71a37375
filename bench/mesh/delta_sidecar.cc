#include <map>
#include <mutex>

#include "mesh/stream_sidecar.h"

namespace bench {
namespace {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using Names = std::vector<std::string>;

/// Names that a resource leads to. The work is done once for all sidecars.
class NameCache {
 public:
  Names names(const envoy::service::discovery::v3::Resource& resource) {
    const std::lock_guard lock(mutex_);
    auto [found, added] = names_.try_emplace(resource.name() + ' ' + resource.version());
    if (added) found->second = read_names(resource.resource());
    return found->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Names> names_;
};

NameCache names_cache;

/// As Remora's sidecars do.
envoy::config::core::v3::Node takes_virtual_hosts(envoy::config::core::v3::Node node) {
  (*node.mutable_metadata()->mutable_fields())["REMORA_VHDS"].set_bool_value(true);
  return node;
}

class DeltaSidecar final : public StreamSidecar<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
 public:
  DeltaSidecar(const Place& place, const std::shared_ptr<grpc::Channel>& channel)
      : StreamSidecar(place, takes_virtual_hosts(node_at(place)), channel) {
    stub_->async()->DeltaAggregatedResources(&context_, this);
    ask(kClusters, {}, {});
    ask(kListeners, {}, {});
    begin();
  }

 private:
  /// Of clusters, listeners or route tables: what they lead to, and how many of them lead there.
  struct Followed {
    std::map<std::string, Names> by_parent;
    std::map<std::string, int> uses;
    bool known = false;
  };

  void OnReadDone(bool ok) override {
    if (!ok) return;
    report_.received(response_.ByteSizeLong(), static_cast<size_t>(response_.resources_size()),
                     static_cast<size_t>(response_.removed_resources_size()));
    const auto& type = response_.type_url();
    accept();
    if (type == kClusters) follow(kEndpoints, endpoints_);
    if (type == kListeners) follow(kRoutes, routes_);
    if (type == kEndpoints) take_endpoints();
    if (type == kRoutes) follow(kVirtualHosts, hosts_);
    have_routes_ = have_routes_ || type == kRoutes;
    have_hosts_ = have_hosts_ || type == kVirtualHosts;
    say_if_ready();
    read_on();
  }

  void follow(const std::string& type, Followed& followed) {
    Names more, fewer;
    const auto replace = [&](const std::string& parent, Names now) {
      for (const auto& name : now) {
        if (++followed.uses[name] == 1) more.push_back(name);
      }
      for (const auto& name : followed.by_parent[parent]) {
        if (--followed.uses[name] > 0) continue;
        followed.uses.erase(name);
        fewer.push_back(name);
      }
      followed.by_parent[parent] = std::move(now);
    };
    for (const auto& resource : response_.resources()) replace(resource.name(), names_cache.names(resource));
    for (const auto& name : response_.removed_resources()) replace(name, {});
    followed.known = true;
    if (!more.empty() || !fewer.empty()) ask(type, more, fewer);
  }

  void take_endpoints() {
    for (const auto& resource : response_.resources()) {
      report_.look_for_marks(resource.resource());
      if (!ready_) endpoint_sets_.insert(resource.name());
    }
  }

  void say_if_ready() {
    if (ready_ || !endpoints_.known || endpoint_sets_.size() < endpoints_.uses.size()) return;
    if (!routes_.known || (!routes_.uses.empty() && !have_routes_)) return;
    if (!hosts_.uses.empty() && !have_hosts_) return;
    ready_ = true;
    report_.ready(endpoints_.uses.size(), endpoint_sets_.size());
  }

  void accept() {
    DeltaDiscoveryRequest request;
    request.set_type_url(response_.type_url());
    request.set_response_nonce(response_.nonce());
    write(std::move(request));
  }

  void ask(const std::string& type, const Names& more, const Names& fewer) {
    DeltaDiscoveryRequest request;
    request.set_type_url(type);
    request.mutable_resource_names_subscribe()->Add(more.begin(), more.end());
    request.mutable_resource_names_unsubscribe()->Add(fewer.begin(), fewer.end());
    write(std::move(request));
  }

  Followed endpoints_, routes_, hosts_;
  std::set<std::string> endpoint_sets_;
  bool have_routes_ = false, have_hosts_ = false, ready_ = false;
};

}  // namespace

std::unique_ptr<Sidecar> delta_sidecar(const Place& place, const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<DeltaSidecar>(place, channel);
}

}  // namespace bench
