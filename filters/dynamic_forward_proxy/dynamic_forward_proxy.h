#pragma once

#include <memory>
#include <string>

#include "common/proto_config.h"
#include "remora/config/dns_cache.h"
#include "remora/config/filter_overrides.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig: whom a request asks for before its
/// name is looked up, and when it is forwarded.
struct ForwardRoute final : RouteFilterConfig {
  std::string host;         // "": as it is
  std::string host_header;  // lower-case; the first value of this header; "": no header does
};

/// Lets requests to clusters of a cache wait until the name is resolved that they ask for. What cannot be
/// resolved is answered here. One instance per worker. Source: Envoy, dynamic forward proxy filter.
std::unique_ptr<HttpFilter> make_dynamic_forward_proxy_filter(std::shared_ptr<const DnsCache> cache);

/// The message -> factory, and what a route says (config.cc).
std::shared_ptr<const FilterFactory> make_dynamic_forward_proxy(const FilterSource& source,
                                                                const FilterFactoryContext& context,
                                                                ConfigReport& report);
std::shared_ptr<const RouteFilterConfig> make_route_dynamic_forward_proxy(const FilterSource& source,
                                                                          const FilterFactoryContext& context,
                                                                          ConfigReport& report);

}  // namespace remora::filters
