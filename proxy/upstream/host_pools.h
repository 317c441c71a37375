#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "local_ref.h"
#include "upstream/health_bound.h"
#include "upstream/host.h"
#include "upstream/own_pool.h"

namespace remora {

class HostPool;
struct PoolKey;

/// What is to end because its host has failed. Ending it may have requests choose hosts anew, so it is done
/// last.
struct HealthEnding {
  std::vector<LocalRef<HostPool>> tunnels;
  HealthBoundList bound;
  void end();
};

/// One worker's pools for one host: mostly a single one; two where requests keep their protocol
/// (use_downstream_protocol_config); one for each name where the request's host is what TLS asks for
/// (auto_sni), and for each client in whose name connections are made (original_src). These come from
/// clients, so their number is bounded: the pool that was used least recently goes first. Knows also what
/// else follows the host: pools that belong to downstream connections, and raw connections.
class HostPools {
 public:
  static constexpr size_t kMost = 256;

  explicit HostPools(const HostState& state);
  HostPools(HostPools&&) noexcept;
  HostPools& operator=(HostPools&&) noexcept;
  ~HostPools();

  /// Empty if there is none yet.
  LocalRef<HostPool> find(const PoolKey& key);
  void add(LocalRef<HostPool> pool);
  /// Drops the reference, if it is one of these.
  void forget(const HostPool& pool);
  void set_host(const std::shared_ptr<const Host>& host);
  /// See HostPool.
  size_t close_resting();
  /// A pool that a downstream connection keeps for itself; borrowed.
  void follow(OwnPool& pool) { own_.push_back(pool); }
  /// Borrowed.
  void follow(HealthBound& one) { bound_.push_back(one); }
  /// Connections that are there serve no new requests.
  void drain();
  /// The health of the host may be another one. If it has failed since the last time, its connections serve
  /// no new requests, and what is bound to its health goes to `ending`; with `close_tunnels`, tunnels as
  /// well.
  void follow_health(const HostState& state, bool close_tunnels, HealthEnding& ending);
  void retire();

 private:
  [[nodiscard]] std::vector<LocalRef<HostPool>> all();

  std::vector<LocalRef<HostPool>> pools_;  // the most recently used first
  OwnPoolList own_;
  HealthBoundList bound_;
  bool failed_;
};

}  // namespace remora
