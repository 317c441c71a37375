#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "remora/config/cluster.h"
#include "remora/core/address.h"
#include "remora/core/clock.h"

namespace remora {

/// Which addresses of a name are asked for. Source: envoy.config.cluster.v3.Cluster.DnsLookupFamily.
enum class DnsLookupFamily : uint8_t {
  kAuto,  ///< IPv6; IPv4 where there is no such address
  kV4Only,
  kV6Only,
  kV4Preferred,  ///< IPv4; IPv6 where there is no such address
  kAll,          ///< both
};

/// Whom names are asked of, and how. Names in /etc/hosts and search domains are as c-ares has them. Source:
/// envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig.
struct DnsResolverConfig {
  std::vector<Address> servers;       // empty: those of /etc/resolv.conf
  bool servers_are_fallback = false;  // asked only where /etc/resolv.conf names none
  bool use_tcp = false;
  bool no_search = false;                     // no_default_search_domain
  bool filter_unroutable = false;             // filter_unroutable_families
  bool rotate_servers = false;                // rotate_nameservers
  bool renew_on_timeout = false;              // reinit_channel_on_timeout: new sockets after one
  uint32_t udp_max_queries = 0;               // from one UDP port; 0: any number
  std::optional<Milliseconds> query_timeout;  // of the first attempt; nothing: c-ares's
  std::optional<uint32_t> query_tries;        // of each server; nothing: c-ares's
  uint32_t edns_payload_size = 0;             // edns0_max_payload_size; 0: no EDNS
  Milliseconds longest_channel{0};            // max_udp_channel_duration; 0: nothing said
  bool operator==(const DnsResolverConfig&) const = default;
};

/// How the hosts of a cluster are found by name. Built and validated by xds/translate, immutable. Source:
/// envoy.config.cluster.v3.Cluster (type STRICT_DNS and LOGICAL_DNS),
/// envoy.extensions.clusters.dns.v3.DnsCluster.
struct DnsDiscovery {
  /// One entry of the load assignment: the host of each address that `name` has is `host` with that address.
  struct Target {
    std::string name;  // or a literal address
    uint16_t port = 0;
    Endpoint host;  // its address is empty
  };
  std::vector<Target> targets;
  EndpointSet set;  // what all of them have in common; without endpoints
  DnsLookupFamily family = DnsLookupFamily::kAuto;
  Milliseconds refresh_rate{5000};
  Milliseconds failure_base{0};  // the back-off after failures; 0: none, the refresh rate
  Milliseconds failure_max{0};
  Milliseconds jitter{0};  // up to this much is added to each wait after a success
  bool respect_ttl = false;
  bool one_host = false;  // LOGICAL_DNS, all_addresses_in_single_endpoint: the first address only
  std::optional<DnsResolverConfig> resolver;  // nothing: the one that the bootstrap names
};

}  // namespace remora
