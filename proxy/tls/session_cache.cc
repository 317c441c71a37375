#include "tls/session_cache.h"

#include <utility>

namespace remora {

void SessionCache::put(const std::string& peer, SslSessionPtr session) {
  if (per_peer_ == 0) return;
  const std::lock_guard lock(mutex_);
  auto& position = by_peer_.try_emplace(peer, order_.end()).first->second;
  if (position == order_.end()) {
    order_.push_front({peer, {}});
    position = order_.begin();
  } else {
    order_.splice(order_.begin(), order_, position);
  }
  auto& sessions = position->sessions;
  sessions.push_back(std::move(session));
  if (sessions.size() > per_peer_) sessions.erase(sessions.begin());
  if (order_.size() <= kMostPeers) return;
  by_peer_.erase(order_.back().peer);
  order_.pop_back();
}

SslSessionPtr SessionCache::take(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  const auto found = by_peer_.find(peer);
  if (found == by_peer_.end() || found->second->sessions.empty()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  auto& newest = found->second->sessions.back();
  if (SSL_SESSION_get_protocol_version(newest.get()) < TLS1_3_VERSION) {
    SSL_SESSION_up_ref(newest.get());
    return SslSessionPtr(newest.get());
  }
  SslSessionPtr taken = std::move(newest);
  found->second->sessions.pop_back();
  return taken;
}

}  // namespace remora
