#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "envoy/config/route/v3/route.pb.h"
#include "remora/core/result.h"

namespace remora::xds {

/// A RouteConfiguration taken apart at the wire: of ten thousand virtual hosts, those whose bytes are known
/// need not be parsed. Source: Protocol Buffers, encoding.
struct RouteParts {
  struct Host {
    std::string_view bytes;  // of the serialized VirtualHost; borrowed
    uint64_t digest = 0;
  };
  envoy::config::route::v3::RouteConfiguration head;  // without virtual_hosts
  uint64_t digest = 0;                                // of the head's bytes
  std::vector<Host> hosts;
};

/// Errors: the bytes are no such message, as far as that shows without a look into the virtual hosts.
Result<RouteParts> take_apart(std::string_view bytes);

}  // namespace remora::xds
