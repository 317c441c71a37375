#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "envoy/config/core/v3/base.pb.h"
#include "google/protobuf/any.pb.h"

namespace bench {

inline const std::string kClusters = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
inline const std::string kEndpoints = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
inline const std::string kListeners = "type.googleapis.com/envoy.config.listener.v3.Listener";
inline const std::string kRoutes = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
inline const std::string kVirtualHosts = "type.googleapis.com/envoy.config.route.v3.VirtualHost";

/// Which sidecar it is, and beside which pod it stands: the last of `endpoints` of a service.
struct Place {
  int number = 0;
  int service = 0;
  int endpoints = 1;
};

/// Who it says it is.
envoy::config::core::v3::Node node_at(const Place& place);

/// Names that a resource leads to: the endpoint set of a cluster, the route tables of a listener, and itself
/// of a route table whose virtual hosts come by themselves.
std::vector<std::string> read_names(const google::protobuf::Any& resource);

/// What one sidecar has to tell: each method writes a line to standard output. One call at a time.
class Report {
 public:
  explicit Report(int number) : number_(number) {}

  void ready(size_t clusters, size_t endpoint_sets);
  void lost(const std::string& message);
  /// A response has come. Counts for all sidecars together.
  void received(size_t bytes, size_t resources, size_t removed);
  /// Looks for endpoints with the address 10.128.0.0 + NUMBER, which carry the number of a change. Returns
  /// the name of the set.
  std::string look_for_marks(const google::protobuf::Any& resource);

  static void totals();

 private:
  const int number_;
  size_t bytes_ = 0;
  std::set<long> marks_;
};

/// A stream to a management server that accepts everything. It lives until the process ends.
class Sidecar {
 public:
  virtual ~Sidecar() = default;
};
std::unique_ptr<Sidecar> state_sidecar(const Place& place, const std::shared_ptr<grpc::Channel>& channel);
std::unique_ptr<Sidecar> delta_sidecar(const Place& place, const std::shared_ptr<grpc::Channel>& channel);

}  // namespace bench
