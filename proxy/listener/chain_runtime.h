#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "access_log_writer.h"
#include "core/filter_chain_index.h"
#include "listener/connection_balance.h"
#include "overload/connection_limit.h"
#include "overload/overload_state.h"
#include "remora/config/listener.h"
#include "remora/core/stats.h"
#include "remora/filter/router.h"
#include "stats/lazy_scope.h"
#include "tls/tls_slot.h"

namespace remora {

class ServerTls;

using AccessLogList = std::vector<std::shared_ptr<const AccessLogConfig>>;

/// What keeps listeners from taking more than the process can serve.
struct ListenerGuards {
  std::shared_ptr<const OverloadState> overload;  // null: there is no overload manager, or it is bypassed
  std::shared_ptr<ConnectionLimit> limit;         // null: none
};

/// Where the listener filters of one listener count; null where it has no such filter.
struct ListenerFilterStats {
  std::shared_ptr<StatScope> tls;    // tls_inspector_stat_schema()
  std::shared_ptr<StatScope> http;   // http_inspector_stat_schema()
  std::shared_ptr<StatScope> proxy;  // proxy_protocol_stat_schema()
};

/// What all workers share of one version of one filter chain. Made on the main thread, immutable; goes with
/// the last connection that holds it.
struct ChainRuntime {
  FilterChain config;
  // Of the listener; a change of these makes new chains of all.
  uint32_t buffer_limit = 0;
  TrafficDirection direction = TrafficDirection::kUnspecified;
  std::shared_ptr<StatScope> listener_stats;             // listener_stat_schema()
  std::vector<std::shared_ptr<StatScope>> worker_stats;  // listener_worker_stat_schema(), one per worker
  std::shared_ptr<const OverloadState> overload;         // null: no measure concerns its connections

  std::vector<std::shared_ptr<LogFile>> logs;  // in the order of access_logs()
  std::shared_ptr<TlsSlot<ServerTls>> tls;     // null: plain text
  // For HTTP.
  const RouterConfig* router = nullptr;                 // never null then
  std::vector<std::shared_ptr<LogFile>> upstream_logs;  // in the order of router->upstream_logs
  std::shared_ptr<StatScope> http_stats;                // http_stat_schema()
  std::shared_ptr<StatScope> response_stats;            // listener_http_stat_schema()
  // For TCP.
  std::shared_ptr<StatScope> tcp_stats;  // tcp_stat_schema()

  /// How long a TLS handshake may take.
  [[nodiscard]] Milliseconds handshake_time() const {
    const auto configured = config.transport_socket_connect_timeout;
    return configured.count() > 0 ? configured : Milliseconds(10000);
  }
  std::shared_ptr<LazyScope> http2_stats;  // http2_stat_schema(), of all downstream connections

  [[nodiscard]] const AccessLogList& access_logs() const {
    return config.http ? config.http->access_logs : config.tcp->access_logs;
  }
};

/// What all workers share of one version of one listener. Made on the main thread, immutable.
struct ListenerRuntime {
  /// A chain of this version, and where connections of the version before it go on: the number of the chain
  /// there that is this one, or whose connections may take over this one's connection manager.
  struct Chain {
    static constexpr size_t kNew = SIZE_MAX;
    std::shared_ptr<const ChainRuntime> runtime;
    size_t heir_of = kNew;
  };

  std::shared_ptr<const ListenerConfig> config;
  std::shared_ptr<StatScope> stats;  // listener_stat_schema()
  std::vector<Chain> chains;         // those of filter_chains; then the default one, if there is one
  FilterChainIndex index;            // over filter_chains
  ListenerFilterStats filter_stats;
  std::vector<std::shared_ptr<LogFile>> logs;  // in the order of config->access_logs
  std::shared_ptr<ConnectionBalance> balance;  // null: workers keep what they accept
  ListenerGuards guards;
  /// Expires with the last version-holder: workers let go of a listener when its last connection ends.
  std::shared_ptr<const void> alive = std::make_shared<int>(0);

  [[nodiscard]] bool has_default() const { return chains.size() > config->filter_chains.size(); }
  /// The number of the chain for a connection; Chain::kNew: none matches, and there is no default.
  [[nodiscard]] size_t choose(const ChainFacts& facts) const {
    const auto found = index.find(facts);
    if (found != FilterChainIndex::kNone) return found;
    return has_default() ? chains.size() - 1 : Chain::kNew;
  }
};

}  // namespace remora
