#include <map>
#include <mutex>

#include "mesh/stream_sidecar.h"

namespace bench {
namespace {

using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

/// Names that a response leads to. The server gives alike sidecars equal bytes, so the work is done once for
/// all of them.
class NameCache {
 public:
  std::vector<std::string> names(const DiscoveryResponse& response) {
    const std::lock_guard lock(mutex_);
    auto [found, added] = names_.try_emplace(response.type_url() + response.version_info() +
                                             std::to_string(response.resources_size()));
    if (added) found->second = read(response);
    return found->second;
  }

 private:
  static std::vector<std::string> read(const DiscoveryResponse& response) {
    std::set<std::string> out;
    for (const auto& resource : response.resources()) {
      for (auto& name : read_names(resource)) out.insert(std::move(name));
    }
    return {out.begin(), out.end()};
  }

  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> names_;
};

NameCache names_cache;

class StateSidecar final : public StreamSidecar<DiscoveryRequest, DiscoveryResponse> {
 public:
  StateSidecar(const Place& place, const std::shared_ptr<grpc::Channel>& channel)
      : StreamSidecar(place, node_at(place), channel) {
    stub_->async()->StreamAggregatedResources(&context_, this);
    ask(kClusters, {}, nullptr);
    ask(kListeners, {}, nullptr);
    begin();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    report_.received(response_.ByteSizeLong(), static_cast<size_t>(response_.resources_size()), 0);
    const auto& type = response_.type_url();
    if (type == kClusters) {
      clusters_ = names_cache.names(response_);
      accept({});
      follow(kEndpoints, clusters_, clusters_known_);
    } else if (type == kListeners) {
      accept({});
      follow(kRoutes, names_cache.names(response_), routes_known_);
    } else if (type == kEndpoints) {
      look_for_marks();
      accept(clusters_);
    } else if (type == kRoutes) {
      have_routes_ = true;
      accept(routes_known_names_);
    }
    say_if_ready();
    read_on();
  }

  void follow(const std::string& type, std::vector<std::string> names, bool& known) {
    auto& last = type == kEndpoints ? endpoint_names_ : routes_known_names_;
    if (known && names == last) return;
    known = true;
    last = std::move(names);
    if (!last.empty()) ask(type, last, nullptr);
  }

  void look_for_marks() {
    const bool first = endpoint_sets_.size() < clusters_.size();
    for (const auto& resource : response_.resources()) {
      std::string name = report_.look_for_marks(resource);
      if (first) endpoint_sets_.insert(std::move(name));
    }
  }

  void say_if_ready() {
    if (ready_ || !clusters_known_ || endpoint_sets_.size() < clusters_.size()) return;
    if (!routes_known_ || (!routes_known_names_.empty() && !have_routes_)) return;
    ready_ = true;
    report_.ready(clusters_.size(), endpoint_sets_.size());
  }

  void accept(const std::vector<std::string>& names) { ask(response_.type_url(), names, &response_); }

  void ask(const std::string& type, const std::vector<std::string>& names,
           const DiscoveryResponse* accepted) {
    DiscoveryRequest request;
    request.set_type_url(type);
    for (const auto& name : names) request.add_resource_names(name);
    if (accepted != nullptr) {
      request.set_version_info(accepted->version_info());
      request.set_response_nonce(accepted->nonce());
      nonces_[type] = accepted->nonce();
      versions_[type] = accepted->version_info();
    } else if (nonces_.contains(type)) {
      request.set_response_nonce(nonces_[type]);
      request.set_version_info(versions_[type]);
    }
    write(std::move(request));
  }

  std::vector<std::string> clusters_, endpoint_names_, routes_known_names_;
  std::set<std::string> endpoint_sets_;
  std::map<std::string, std::string> nonces_, versions_;
  bool clusters_known_ = false, routes_known_ = false, have_routes_ = false, ready_ = false;
};

}  // namespace

std::unique_ptr<Sidecar> state_sidecar(const Place& place, const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<StateSidecar>(place, channel);
}

}  // namespace bench
