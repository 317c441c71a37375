#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "remora/config/dns_cache.h"

namespace remora {

/// A cluster without hosts of its own: a request goes to the host that its authority names, once that name is
/// resolved. The cache knows the cluster as long as this lives. Source:
/// envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig.
struct DynamicForward {
  DynamicForward(std::shared_ptr<DnsCache> from, std::string name, uint16_t port)
      : cache(std::move(from)),
        cluster(std::move(name)),
        default_port(port) {
    cache->join(cluster, default_port);
  }
  ~DynamicForward() { cache->leave(cluster); }
  DynamicForward(const DynamicForward&) = delete;
  DynamicForward& operator=(const DynamicForward&) = delete;

  const std::shared_ptr<DnsCache> cache;  // never null
  const std::string cluster;
  const uint16_t default_port;  // where the request names none: 443 with TLS, else 80
};

}  // namespace remora
