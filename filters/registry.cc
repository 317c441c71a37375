#include "remora/filter/registry.h"

#include <algorithm>
#include <iterator>

#include "adaptive_concurrency/adaptive_concurrency.h"
#include "admission_control/admission_control.h"
#include "buffer/buffer.h"
#include "common/proto_config.h"
#include "cors/cors.h"
#include "dynamic_forward_proxy/dynamic_forward_proxy.h"
#include "fault/fault.h"
#include "gradient2/gradient2.h"
#include "grpc_stats/grpc_stats.h"
#include "header_mutation/header_mutation.h"
#include "istio_stats/istio_stats.h"
#include "jwt_authn/jwt_authn.h"
#include "on_demand/on_demand.h"
#include "peer_metadata/peer_metadata.h"
#include "set_filter_state/set_filter_state.h"

namespace remora {
namespace {

using filters::FilterSource;
using Maker = std::shared_ptr<const FilterFactory> (*)(const FilterSource&, const FilterFactoryContext&,
                                                       ConfigReport&);
using RouteMaker = std::shared_ptr<const RouteFilterConfig> (*)(const FilterSource&,
                                                                const FilterFactoryContext&, ConfigReport&);

struct KnownFilter {
  std::string_view type;        // the message's full name
  Maker make = nullptr;         // null: left out of the chain
  std::string_view left_out{};  // and this is why nothing is lost
  bool is_struct = false;       // one of this build's own, configured by a Struct: there is no message
};

// Every HTTP filter of this build. What is not here is refused by name.
constexpr KnownFilter kFilters[] = {
    {.type = "io.istio.http.peer_metadata.Config", .make = filters::make_peer_metadata},
    {.type = "stats.PluginConfig", .make = filters::make_istio_stats},
    {.type = "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
     .left_out =
         "is left out: it chooses the ALPN of TLS connections to upstreams, and this build makes none"},
    {.type = "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig", .make = filters::make_grpc_stats},
    {.type = "envoy.extensions.filters.http.cors.v3.Cors", .make = filters::make_cors},
    {.type = "envoy.extensions.filters.http.fault.v3.HTTPFault", .make = filters::make_fault},
    {.type = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication", .make = filters::make_jwt_authn},
    {.type = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
     .make = filters::make_header_mutation},
    {.type = "envoy.extensions.filters.http.buffer.v3.Buffer", .make = filters::make_buffer},
    {.type = "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency",
     .make = filters::make_adaptive_concurrency},
    {.type = "remora.http_filters.v1.Gradient2", .make = filters::make_gradient2, .is_struct = true},
    {.type = "envoy.extensions.filters.http.admission_control.v3.AdmissionControl",
     .make = filters::make_admission_control},
    {.type = "envoy.extensions.filters.http.set_filter_state.v3.Config",
     .make = filters::make_set_filter_state},
    {.type = "envoy.extensions.filters.http.on_demand.v3.OnDemand", .make = filters::make_on_demand},
    {.type = "envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig",
     .make = filters::make_dynamic_forward_proxy},
};

struct KnownRouteConfig {
  std::string_view type;
  RouteMaker make;
};

// What routes can say to them (typed_per_filter_config).
constexpr KnownRouteConfig kRouteConfigs[] = {
    {.type = "envoy.extensions.filters.http.cors.v3.CorsPolicy", .make = filters::make_cors_policy},
    {.type = "envoy.extensions.filters.http.fault.v3.HTTPFault", .make = filters::make_route_fault},
    {.type = "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig",
     .make = filters::make_route_jwt_authn},
    {.type = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
     .make = filters::make_route_header_mutation},
    {.type = "envoy.extensions.filters.http.buffer.v3.BufferPerRoute", .make = filters::make_route_buffer},
    {.type = "envoy.extensions.filters.http.set_filter_state.v3.Config",
     .make = filters::make_route_set_filter_state},
    {.type = "envoy.extensions.filters.http.on_demand.v3.PerRouteConfig",
     .make = filters::make_route_on_demand},
    {.type = "envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig",
     .make = filters::make_route_dynamic_forward_proxy},
};

/// The entry of `table` for a type, given by its URL; null if there is none.
template <typename Entry, size_t kSize>
const Entry* find(const Entry (&table)[kSize], std::string_view type_url) {
  const size_t slash = type_url.rfind('/');
  const std::string_view type = slash == std::string_view::npos ? type_url : type_url.substr(slash + 1);
  const auto* found = std::ranges::find(table, type, &Entry::type);
  return found == std::end(table) ? nullptr : found;
}

// The caller turns a Struct into the message where it knows that, and it knows all of those above.
void refuse_struct(std::string_view name, std::string_view type, const std::string& path,
                   ConfigReport& report) {
  report.error(path, "the configuration of " + std::string(name) + " is a Struct, not " + std::string(type));
}

}  // namespace

std::shared_ptr<const FilterFactory> make_filter(std::string_view name, std::string_view type_url,
                                                 std::string_view serialized, bool is_struct,
                                                 const FilterFactoryContext& context, const std::string& path,
                                                 ConfigReport& report) {
  const KnownFilter* filter = find(kFilters, type_url);
  if (filter == nullptr) {
    report.error(path, "the filter type " + std::string(type_url) + " is not implemented by this build");
    return nullptr;
  }
  if (filter->make == nullptr) {
    report.warning(path, "the filter " + std::string(name) + " " + std::string(filter->left_out));
    return nullptr;
  }
  if (is_struct != filter->is_struct) {
    if (is_struct)
      refuse_struct(name, filter->type, path, report);
    else
      report.error(path, std::string(filter->type) + " is given as a TypedStruct");
    return nullptr;
  }
  return filter->make({name, serialized, path}, context, report);
}

bool knows_filter(std::string_view type_url) { return find(kFilters, type_url) != nullptr; }

std::shared_ptr<const RouteFilterConfig> make_route_filter_config(
    std::string_view name, std::string_view type_url, std::string_view serialized, bool is_struct,
    const FilterFactoryContext& context, const std::string& path, ConfigReport& report) {
  const KnownRouteConfig* config = find(kRouteConfigs, type_url);
  if (config == nullptr) {
    report.error(path, "no filter of this build reads " + std::string(type_url) + " from a route");
    return nullptr;
  }
  if (is_struct) {
    refuse_struct(name, config->type, path, report);
    return nullptr;
  }
  return config->make({name, serialized, path}, context, report);
}

bool knows_route_filter_config(std::string_view type_url) { return find(kRouteConfigs, type_url) != nullptr; }

}  // namespace remora
