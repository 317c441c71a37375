#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "local_ref.h"
#include "upstream/host.h"

namespace remora {

class HostPool;
struct PoolKey;

/// One worker's pools for one host: mostly a single one; two where requests keep their protocol
/// (use_downstream_protocol_config); one for each name where the request's host is what TLS asks for
/// (auto_sni), and for each client in whose name connections are made (original_src). These come from
/// clients, so their number is bounded: the pool that was used least recently goes first.
class HostPools {
 public:
  static constexpr size_t kMost = 256;

  HostPools();
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
  void retire();

 private:
  std::vector<LocalRef<HostPool>> pools_;  // the most recently used first
};

}  // namespace remora
