#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/proto_config.h"
#include "fault/fault_stats.h"
#include "remora/config/filter_overrides.h"
#include "remora/config/matchers.h"
#include "remora/config/metadata.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// What the runtime says instead of a fault's message.
struct FaultRuntime {
  std::optional<Fraction> delay_share;
  std::optional<Fraction> abort_share;
  std::optional<Fraction> rate_limit_share;
  std::optional<Milliseconds> delay;
  std::optional<uint16_t> http_status;
  std::optional<int16_t> grpc_status;
};

/// envoy.extensions.filters.http.fault.v3.HTTPFault: which requests are delayed or refused on purpose. That
/// of the most specific place counts alone, else that of the filter.
struct FaultConfig final : RouteFilterConfig {
  struct Delay {
    std::optional<Milliseconds> fixed;  ///< absent: x-envoy-fault-delay-request says how long
    Fraction share;
  };
  struct Abort {
    std::optional<uint16_t> http_status;  ///< neither of the two: x-envoy-fault-abort-request says it
    std::optional<int16_t> grpc_status;
    Fraction share;
    [[nodiscard]] bool by_header() const { return !http_status && !grpc_status; }
  };
  struct RateLimit {
    std::optional<uint64_t> kib_per_second;  ///< absent: x-envoy-fault-throughput-response says it
    Fraction share;
  };
  std::optional<Delay> delay;
  std::optional<Abort> abort;
  std::optional<RateLimit> rate_limit;        ///< of the response's body
  std::string upstream_cluster;               ///< empty: any
  std::vector<HeaderMatcher> headers;         ///< all of them hold
  std::vector<std::string> downstream_nodes;  ///< sorted; empty: any
  std::optional<uint64_t> max_active;
  bool cluster_stats = true;
  MetadataValue::Object metadata;  ///< for the request's dynamic metadata once a fault has met it
  FaultRuntime runtime;
  std::map<std::string, FaultRuntime, std::less<>> runtime_by_cluster;  ///< by the downstream's cluster
};

/// What a listener's filter is made of.
struct FaultFilterConfig {
  std::string name;
  FaultConfig fault;
  std::shared_ptr<FaultStats> stats;
};

/// Delays requests, answers them itself, slows their responses, or all of it, so that one sees how others
/// bear it. One instance per worker. Source: Envoy, HTTP fault injection.
std::unique_ptr<HttpFilter> make_fault_filter(std::shared_ptr<const FaultFilterConfig> config);

/// The message -> factory, and what a route says (config.cc).
std::shared_ptr<const FilterFactory> make_fault(const FilterSource& source,
                                                const FilterFactoryContext& context, ConfigReport& report);
std::shared_ptr<const RouteFilterConfig> make_route_fault(const FilterSource& source,
                                                          const FilterFactoryContext& context,
                                                          ConfigReport& report);

}  // namespace remora::filters
