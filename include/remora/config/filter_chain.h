#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/access_log.h"
#include "remora/config/matchers.h"
#include "remora/config/metadata.h"
#include "remora/config/route.h"
#include "remora/config/tls.h"
#include "remora/core/address.h"
#include "remora/core/clock.h"

namespace remora {

struct HttpConnectionManagerConfig;

/// Which connections a filter chain is for. Empty members match everything. Source:
/// envoy.config.listener.v3.FilterChainMatch; the order in which its members decide, without going back, is
/// that of Envoy: destination port, destination address, server name, transport protocol, application
/// protocols, direct source address, source type, source address, source port.
struct FilterChainMatch {
  enum class SourceType : uint8_t { kAny, kSameIpOrLoopback, kExternal };
  std::optional<uint16_t> destination_port;
  std::vector<CidrRange> destination_ranges;
  std::vector<std::string> server_names;  // lower-case; "*.example.com" by suffix
  std::string transport_protocol;         // "raw_buffer", "tls"; "": any
  std::vector<std::string> application_protocols;
  std::vector<CidrRange> direct_source_ranges;
  SourceType source_type = SourceType::kAny;
  std::vector<CidrRange> source_ranges;
  std::vector<uint16_t> source_ports;
};

/// Source: envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.
struct TcpProxyConfig {
  struct Weighted {
    std::string cluster;
    uint32_t weight = 0;
    SubsetMatch subset;
  };
  std::string stat_prefix;
  std::string cluster;                                 // or:
  std::vector<Weighted> weighted;                      // sum of weights > 0
  SubsetMatch subset;                                  // metadata_match
  Milliseconds idle_timeout{3600000};                  // 0: none
  Milliseconds max_downstream_connection_duration{0};  // 0: none
  uint32_t max_connect_attempts = 1;
  bool hash_source_ip = false;  // hash_policy source_ip
  std::vector<std::shared_ptr<const AccessLogConfig>> access_logs;
};

/// Source: envoy.config.listener.v3.FilterChain.
struct FilterChain {
  std::string name;
  uint64_t hash = 0;  // of the whole chain: equal means nothing to do
  /// Of what a connection has already agreed on when it runs (match and transport socket): while it is equal,
  /// a connection may take a changed connection manager at its next request.
  uint64_t transport_hash = 0;
  FilterChainMatch match;
  // Exactly one of the two.
  std::shared_ptr<const HttpConnectionManagerConfig> http;
  std::shared_ptr<const TcpProxyConfig> tcp;
  std::shared_ptr<const DownstreamTls> tls;          // null: plain text
  Milliseconds transport_socket_connect_timeout{0};  // for the handshake; 0: this build's own (10 s)
};

/// What looks at a connection before its filter chain is chosen.
struct ListenerFilter {
  enum class Kind : uint8_t { kTlsInspector, kHttpInspector, kProxyProtocol, kOriginalDst, kOriginalSrc };
  Kind kind = Kind::kTlsInspector;
  // Source: envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.
  bool allow_requests_without_proxy_protocol = false;
  bool disallow_v1 = false;
  bool disallow_v2 = false;
  /// TLV type -> (metadata namespace, key).
  std::vector<std::pair<uint8_t, std::pair<std::string, std::string>>> tlv_rules;
  // Source: envoy.extensions.filters.listener.original_src.v3.OriginalSrc.
  bool bind_port = false;
  uint32_t mark = 0;  // of upstream sockets; 0: none
  /// filter_disabled: true for connections to these destination ports, [start, end).
  std::vector<std::pair<uint32_t, uint32_t>> disabled_ports;
};

}  // namespace remora
