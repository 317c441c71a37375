#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "remora/config/cluster.h"
#include "remora/core/stats.h"

namespace remora::filters {

/// A gRPC method by its path: "/reviews.Reviews/Get".
struct GrpcMethod {
  std::string_view service;
  std::string_view method;
};

/// The two parts of a path, without its query; nothing if it has not exactly two.
std::optional<GrpcMethod> grpc_method_of(std::string_view path);

/// The statistics of one method in one cluster: cluster.<name>.grpc.<service>.<method>.*. The statuses 0 to
/// 16 stand first, at their own number. Source: Envoy, grpc_stats.
enum GrpcStat : size_t {
  kGrpcStatuses = 17,
  kGrpcSuccess = kGrpcStatuses,
  kGrpcFailure,
  kGrpcTotal,
  kGrpcRequestMessages,
  kGrpcResponseMessages,
  kGrpcUpstreamTime,
  kGrpcStats
};

/// A name that statistics are kept under; lives as long as its table. Compared by address.
struct MethodName {
  std::string service;
  std::string method;
};

/// By service, then by method; finds the pairs of both std::string and std::string_view.
struct MethodLess {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    const int services = std::string_view(a.first).compare(b.first);
    return services != 0 ? services < 0 : std::string_view(a.second) < std::string_view(b.second);
  }
};
template <typename Value>
using MethodMap = std::map<std::pair<std::string, std::string>, Value, MethodLess>;

/// The gRPC methods of a process and their scopes, for all listeners and workers. Names that the
/// configuration gives are always kept; of those that clients send, and of their scopes, there is a limit:
/// what comes later is counted without service and method. Thread-safe; asked only for what a worker has not
/// met yet.
class MethodTable {
 public:
  static constexpr size_t kMaxFromClients = 1000;
  static constexpr size_t kMaxNameLength = 256;  // of service and method together

  /// The table of this store: the same for all filters that use it at a time.
  static std::shared_ptr<MethodTable> of(StatsStore& stats);

  explicit MethodTable(StatsStore& stats, size_t limit = kMaxFromClients);

  const MethodName* configured(const std::string& service, const std::string& method);
  /// Null where the limit is met. `shard`: the caller's, to count that.
  const MethodName* from_client(std::string_view service, std::string_view method, size_t shard);
  /// `method` null: those of the cluster without service and method. Lives as long as the table.
  StatScope& scope(const ClusterConfig& cluster, const MethodName* method, size_t shard);

 private:
  struct Entry {
    MethodName name;
    bool configured = false;
  };
  using Scopes = std::map<std::pair<std::string, const MethodName*>, std::shared_ptr<StatScope>>;

  StatScope& scope_locked(const std::string& cluster, const MethodName* method);

  StatsStore& stats_;
  const size_t limit_;
  std::mutex mutex_;
  MethodMap<Entry> methods_;
  size_t client_methods_ = 0;
  Scopes scopes_;
  size_t client_scopes_ = 0;
  std::shared_ptr<StatScope> counts_;
};

}  // namespace remora::filters
