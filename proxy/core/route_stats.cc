#include "remora/config/route_stats.h"

#include <iterator>
#include <string>

namespace remora {
namespace {

constexpr auto kCounter = StatKind::kCounter;
constexpr std::string_view kClassTag = "envoy_response_code_class";

constexpr StatDef kRouteStatDefs[] = {
    {"upstream_rq_total"},
    {"upstream_rq_retry"},
    {"upstream_rq_retry_limit_exceeded"},
    {"upstream_rq_retry_overflow"},
    {"upstream_rq_retry_success"},
    {"upstream_rq_timeout"},
    {"upstream_rq_completed"},
    {"upstream_rq_1xx", kCounter, "upstream_rq_xx", kClassTag, "1"},
    {"upstream_rq_2xx", kCounter, "upstream_rq_xx", kClassTag, "2"},
    {"upstream_rq_3xx", kCounter, "upstream_rq_xx", kClassTag, "3"},
    {"upstream_rq_4xx", kCounter, "upstream_rq_xx", kClassTag, "4"},
    {"upstream_rq_5xx", kCounter, "upstream_rq_xx", kClassTag, "5"},
    {"upstream_rq_time", StatKind::kHistogram},
};
static_assert(std::size(kRouteStatDefs) == kRouteStatCount);

ScopeName scope_name(std::string_view host, std::string_view kind, std::string_view name,
                     std::string_view tag) {
  std::string prefix = "vhost.";
  prefix.append(host).append(".").append(kind).append(".").append(name).append(".");
  return {std::move(prefix),
          "envoy_vhost_" + std::string(kind) + "_",
          {{"envoy_virtual_host", std::string(host)}, {std::string(tag), std::string(name)}},
          "upstream_rq_"};
}

}  // namespace

StatSchema route_stat_schema() { return kRouteStatDefs; }

ScopeName virtual_cluster_scope_name(std::string_view host, std::string_view name) {
  return scope_name(host, "vcluster", name, "envoy_virtual_cluster");
}

ScopeName route_scope_name(std::string_view host, std::string_view prefix) {
  return scope_name(host, "route", prefix, "envoy_route");
}

}  // namespace remora
