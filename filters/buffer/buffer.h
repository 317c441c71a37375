#pragma once

#include <cstdint>
#include <memory>

#include "common/proto_config.h"
#include "remora/config/filter_overrides.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// envoy.extensions.filters.http.buffer.v3.Buffer, and BufferPerRoute.
struct BufferConfig final : RouteFilterConfig {
  bool disabled = false;
  uint32_t max_request_bytes = 0;
};

/// Lets a request go on when all of it is there, so that the upstream does not wait for a slow client, and
/// with a content-length, if it had none. One that is larger is refused. One instance per worker. Source:
/// Envoy, buffer filter.
std::unique_ptr<HttpFilter> make_buffer_filter(std::shared_ptr<const BufferConfig> config);

/// The messages -> factory, and what a route says (config.cc).
std::shared_ptr<const FilterFactory> make_buffer(const FilterSource& source,
                                                 const FilterFactoryContext& context, ConfigReport& report);
std::shared_ptr<const RouteFilterConfig> make_route_buffer(const FilterSource& source,
                                                           const FilterFactoryContext& context,
                                                           ConfigReport& report);

}  // namespace remora::filters
