#include "mesh/sidecar.h"

#include <atomic>
#include <chrono>
#include <cstdio>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"

namespace bench {
namespace {

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

void read_routes(const google::protobuf::Any& resource, std::set<std::string>& out) {
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

struct Totals {
  std::atomic<unsigned long long> bytes{0}, resources{0}, removed{0}, responses{0};
};
Totals all;

}  // namespace

envoy::config::core::v3::Node node_at(const Place& place) {
  envoy::config::core::v3::Node node;
  const std::string app = "svc-" + std::to_string(place.service);
  const std::string ns = "team-" + std::to_string(place.service % 10);
  const std::string name = app + "-" + std::to_string(place.endpoints - 1);
  const std::string ip = pod_address(place.service * place.endpoints + place.endpoints - 1);
  node.set_id("sidecar~" + ip + "~" + name + "." + ns + "~" + ns + ".svc.cluster.local");
  auto& metadata = *node.mutable_metadata()->mutable_fields();
  metadata["NAMESPACE"].set_string_value(ns);
  metadata["INSTANCE_IPS"].set_string_value(ip);
  metadata["INTERCEPTION_MODE"].set_string_value("REDIRECT");
  auto& labels = *metadata["LABELS"].mutable_struct_value()->mutable_fields();
  labels["app"].set_string_value(app);
  labels["version"].set_string_value("v1");
  return node;
}

std::vector<std::string> read_names(const google::protobuf::Any& resource) {
  std::set<std::string> out;
  envoy::config::cluster::v3::Cluster cluster;
  envoy::config::route::v3::RouteConfiguration table;
  if (resource.UnpackTo(&table)) {
    if (table.has_vhds()) out.insert(table.name());
  } else if (!resource.Is<envoy::config::cluster::v3::Cluster>()) {
    read_routes(resource, out);
  } else if (resource.UnpackTo(&cluster) && cluster.type() == envoy::config::cluster::v3::Cluster::EDS) {
    const auto& service = cluster.eds_cluster_config().service_name();
    out.insert(service.empty() ? cluster.name() : service);
  }
  return {out.begin(), out.end()};
}

void Report::ready(size_t clusters, size_t endpoint_sets) {
  std::printf("ready %d %lld %zu %zu %zu\n", number_, now_us(), bytes_, clusters, endpoint_sets);
  std::fflush(stdout);
}

void Report::lost(const std::string& message) {
  std::printf("lost %d %lld %s\n", number_, now_us(), message.c_str());
  std::fflush(stdout);
}

void Report::received(size_t bytes, size_t resources, size_t removed) {
  bytes_ += bytes;
  all.bytes += bytes;
  all.resources += resources;
  all.removed += removed;
  ++all.responses;
}

void Report::totals() {
  std::printf("total 0 %lld %llu %llu %llu %llu\n", now_us(), all.responses.load(), all.bytes.load(),
              all.resources.load(), all.removed.load());
  std::fflush(stdout);
}

std::string Report::look_for_marks(const google::protobuf::Any& resource) {
  envoy::config::endpoint::v3::ClusterLoadAssignment set;
  if (!resource.UnpackTo(&set)) return "";
  for (const auto& locality : set.endpoints()) {
    for (const auto& endpoint : locality.lb_endpoints()) {
      const long mark = marked_number(endpoint.endpoint().address().socket_address().address());
      if (mark < 0 || !marks_.insert(mark).second) continue;
      std::printf("seen %d %lld %ld\n", number_, now_us(), mark);
      std::fflush(stdout);
    }
  }
  return set.cluster_name();
}

}  // namespace bench
