#pragma once

#include <cstddef>
#include <vector>

#include "local_ref.h"

namespace remora {

class HostPool;
class HostState;
struct PoolKey;

/// The pools of one downstream connection, in clusters that keep connections for each one alone
/// (connection_pool_per_downstream_connection). They end with it. Their number is bounded, since some of
/// their keys come from clients: the pool that was used least recently goes first. Worker thread only.
class DownstreamPools {
 public:
  static constexpr size_t kMost = 256;

  DownstreamPools();
  ~DownstreamPools();
  DownstreamPools(const DownstreamPools&) = delete;
  DownstreamPools& operator=(const DownstreamPools&) = delete;

  /// Empty if there is none yet, or none that still takes requests.
  LocalRef<HostPool> find(const HostState& host, const PoolKey& key);
  void add(LocalRef<HostPool> pool);
  /// The downstream connection is gone: what rests closes, what is busy when its request is over.
  void end();

 private:
  std::vector<LocalRef<HostPool>> pools_;  // the most recently used first
};

}  // namespace remora
