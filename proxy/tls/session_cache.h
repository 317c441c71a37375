#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "tls/openssl_ptr.h"

namespace remora {

/// Sessions that a client may resume, by whom they were made with. A bounded number for each of a bounded
/// number of peers: the one that was not used for longest goes first. Any thread.
class SessionCache {
 public:
  explicit SessionCache(size_t sessions_per_peer) : per_peer_(sessions_per_peer) {}

  void put(const std::string& peer, SslSessionPtr session);
  /// The newest one; null if there is none. A session of TLS 1.3 leaves: its ticket serves once.
  SslSessionPtr take(const std::string& peer);

  static constexpr size_t kMostPeers = 1024;

 private:
  struct Entry {
    std::string peer;
    std::vector<SslSessionPtr> sessions;  // the newest last
  };
  using Order = std::list<Entry>;

  size_t per_peer_;
  std::mutex mutex_;
  Order order_;  // the most recently used first
  std::unordered_map<std::string, Order::iterator> by_peer_;
};

}  // namespace remora
