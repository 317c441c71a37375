#pragma once

#include <memory>

#include "common/proto_config.h"
#include "grpc_stats/methods.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// envoy.extensions.filters.http.grpc_stats.v3.FilterConfig. Immutable, shared by all workers.
struct GrpcStatsConfig {
  bool all_methods = false;   ///< stats_for_all_methods; else those of `allowed`, and the rest without a name
  bool replace_dots = false;  ///< of the service, by '_'; only with all_methods
  bool upstream_stats = false;  ///< enable_upstream_stats: upstream_rq_time
  bool emit_counts = false;     ///< emit_filter_state: ExchangeInfo::grpc_messages
  MethodMap<const MethodName*> allowed;
  std::shared_ptr<MethodTable> methods;
};

/// Counts the calls of gRPC methods, their statuses and messages, by cluster. One instance per worker.
std::unique_ptr<HttpFilter> make_grpc_stats_filter(std::shared_ptr<const GrpcStatsConfig> config);

/// The message -> factory (config.cc).
std::shared_ptr<const FilterFactory> make_grpc_stats(const FilterSource& source,
                                                     const FilterFactoryContext& context,
                                                     ConfigReport& report);

}  // namespace remora::filters
