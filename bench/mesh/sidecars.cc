// Many sidecars in one process, as far as a management server sees them: each opens an aggregated stream,
// asks for clusters, their endpoints, listeners and their routes as Envoy does, and accepts everything.
//
//   bench_sidecars ADDRESS COUNT SERVICES ENDPOINTS
//
// Sidecar N stands beside the last of the ENDPOINTS of service N (modulo SERVICES), as mesh/cluster.py makes
// them, with interception. Writes a line per event to standard output, "EVENT SIDECAR TIME ...", times in
// microseconds of the system's clock:
//
//   ready  BYTES CLUSTERS ENDPOINT-SETS: it has every type, and endpoints for all its clusters
//
//   seen   NUMBER: an endpoint with the address 10.128.0.0 + NUMBER is there
//
//   lost   MESSAGE: the stream has ended
//
// Ends when its standard input does.

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"

namespace {

using envoy::service::discovery::v3::AggregatedDiscoveryService;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

const std::string kClusters = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const std::string kEndpoints = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const std::string kListeners = "type.googleapis.com/envoy.config.listener.v3.Listener";
const std::string kRoutes = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

constexpr uint32_t kFirstMarked = (10U << 24) + (128U << 16);  // 10.128.0.0
constexpr uint32_t kMarked = 1U << 23;

long long now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The number that an address carries; -1 if it is not one of the marked.
long marked_number(const std::string& address) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (std::sscanf(address.c_str(), "%u.%u.%u.%u", &a, &b, &c, &d) != 4) return -1;
  const uint32_t value = (a << 24) + (b << 16) + (c << 8) + d;
  return value >= kFirstMarked && value - kFirstMarked < kMarked ? static_cast<long>(value - kFirstMarked)
                                                                 : -1;
}

/// Of the pods, counted through all services.
std::string pod_address(int number) {
  const uint32_t value = (10U << 24) + (2U << 16) + static_cast<uint32_t>(number);
  return std::to_string(value >> 24) + '.' + std::to_string(value >> 16 & 255) + '.' +
         std::to_string(value >> 8 & 255) + '.' + std::to_string(value & 255);
}

/// Names that a response leads to: endpoint sets of clusters, route tables of listeners. The server gives
/// alike sidecars equal bytes, so the work is done once for all of them.
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
      if (response.type_url() == kClusters) {
        envoy::config::cluster::v3::Cluster cluster;
        if (resource.UnpackTo(&cluster) && cluster.type() == envoy::config::cluster::v3::Cluster::EDS) {
          const auto& service = cluster.eds_cluster_config().service_name();
          out.insert(service.empty() ? cluster.name() : service);
        }
      } else {
        read_routes(resource, out);
      }
    }
    return {out.begin(), out.end()};
  }

  static void read_routes(const google::protobuf::Any& resource, std::set<std::string>& out) {
    envoy::config::listener::v3::Listener listener;
    if (!resource.UnpackTo(&listener)) return;
    for (const auto& chain : listener.filter_chains()) {
      for (const auto& filter : chain.filters()) {
        envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager manager;
        if (filter.typed_config().UnpackTo(&manager) && manager.has_rds())
          out.insert(manager.rds().route_config_name());
      }
    }
  }

  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> names_;
};

NameCache names_cache;

/// One sidecar's stream. gRPC calls back on its own threads, one call at a time for a stream's reads.
class Sidecar final : public grpc::ClientBidiReactor<DiscoveryRequest, DiscoveryResponse> {
 public:
  Sidecar(int number, const std::shared_ptr<grpc::Channel>& channel, int service, int endpoints)
      : number_(number),
        stub_(AggregatedDiscoveryService::NewStub(channel)) {
    const std::string ns = "team-" + std::to_string(service % 10);
    const std::string name = "svc-" + std::to_string(service) + "-" + std::to_string(endpoints - 1);
    const std::string ip = pod_address(service * endpoints + endpoints - 1);
    node_.set_id("sidecar~" + ip + "~" + name + "." + ns + "~" + ns + ".svc.cluster.local");
    auto& metadata = *node_.mutable_metadata()->mutable_fields();
    metadata["NAMESPACE"].set_string_value(ns);
    metadata["INSTANCE_IPS"].set_string_value(ip);
    metadata["INTERCEPTION_MODE"].set_string_value("REDIRECT");
    auto& labels = *metadata["LABELS"].mutable_struct_value()->mutable_fields();
    labels["app"].set_string_value("svc-" + std::to_string(service));
    labels["version"].set_string_value("v1");
    stub_->async()->StreamAggregatedResources(&context_, this);
    ask(kClusters, {}, nullptr);
    ask(kListeners, {}, nullptr);
    StartRead(&response_);
    StartCall();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    bytes_ += response_.ByteSizeLong();
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
    StartRead(&response_);
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
      envoy::config::endpoint::v3::ClusterLoadAssignment set;
      if (!resource.UnpackTo(&set)) continue;
      if (first) endpoint_sets_.insert(set.cluster_name());
      for (const auto& locality : set.endpoints()) {
        for (const auto& endpoint : locality.lb_endpoints()) {
          const long mark = marked_number(endpoint.endpoint().address().socket_address().address());
          if (mark < 0 || !marks_.insert(mark).second) continue;
          std::printf("seen %d %lld %ld\n", number_, now_us(), mark);
          std::fflush(stdout);
        }
      }
    }
  }

  void say_if_ready() {
    if (ready_ || !clusters_known_ || endpoint_sets_.size() < clusters_.size()) return;
    if (!routes_known_ || (!routes_known_names_.empty() && !have_routes_)) return;
    ready_ = true;
    std::printf("ready %d %lld %zu %zu %zu\n", number_, now_us(), bytes_, clusters_.size(),
                endpoint_sets_.size());
    std::fflush(stdout);
  }

  void accept(const std::vector<std::string>& names) { ask(response_.type_url(), names, &response_); }

  void ask(const std::string& type, const std::vector<std::string>& names,
           const DiscoveryResponse* accepted) {
    DiscoveryRequest request;
    request.set_type_url(type);
    if (!said_who_) *request.mutable_node() = node_;
    said_who_ = true;
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
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
    if (requests_.size() == 1) StartWrite(&requests_.front());
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;
    const std::lock_guard lock(mutex_);
    requests_.pop_front();
    if (!requests_.empty()) StartWrite(&requests_.front());
  }

  void OnDone(const grpc::Status& status) override {
    std::printf("lost %d %lld %s\n", number_, now_us(), status.error_message().c_str());
    std::fflush(stdout);
  }

  const int number_;
  std::unique_ptr<AggregatedDiscoveryService::Stub> stub_;
  grpc::ClientContext context_;
  envoy::config::core::v3::Node node_;
  DiscoveryResponse response_;
  std::mutex mutex_;  // of what follows: a write may end while a read's callback asks for more
  std::deque<DiscoveryRequest> requests_;

  std::vector<std::string> clusters_, endpoint_names_, routes_known_names_;
  std::set<std::string> endpoint_sets_;
  std::set<long> marks_;
  std::map<std::string, std::string> nonces_, versions_;
  size_t bytes_ = 0;
  bool said_who_ = false, clusters_known_ = false, routes_known_ = false, have_routes_ = false,
       ready_ = false;
};

}  // namespace

int main(int count, char** words) {
  if (count < 5) {
    std::fprintf(stderr, "usage: bench_sidecars ADDRESS COUNT SERVICES ENDPOINTS\n");
    return 2;
  }
  const int sidecars = std::atoi(words[2]), services = std::atoi(words[3]), endpoints = std::atoi(words[4]);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection for each, as it would be
  std::vector<std::unique_ptr<Sidecar>> all;
  for (int i = 0; i < sidecars; ++i) {
    auto channel = grpc::CreateCustomChannel(words[1], grpc::InsecureChannelCredentials(), arguments);
    all.push_back(std::make_unique<Sidecar>(i, channel, i % services, endpoints));
  }
  while (std::getchar() != EOF) {}
  std::fflush(stdout);
  std::_Exit(0);  // streams and channels end with the process
}
