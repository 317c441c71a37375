#include "listener/connection_balance.h"

#include <algorithm>

#include "remora/core/stats.h"
#include "stats/http_stats.h"
#include "worker.h"

namespace remora {

void ConnectionBalance::join(Worker& worker, const StatBlock& stats) {
  const std::lock_guard lock(mutex_);
  members_.push_back({&worker, &stats});
}

void ConnectionBalance::leave(const Worker& worker) {
  const std::lock_guard lock(mutex_);
  std::erase_if(members_, [&](const Member& member) { return member.worker == &worker; });
}

size_t ConnectionBalance::load(const Member& member) {
  return member.stats->value(kListenerCxActive) + member.coming;
}

bool ConnectionBalance::hand_over(const Worker& worker, const std::string& listener,
                                  const AcceptedSocket& socket) {
  const std::lock_guard lock(mutex_);
  const auto own = std::ranges::find(members_, &worker, &Member::worker);
  const auto least = std::ranges::min_element(members_, {}, load);
  if (own == members_.end() || load(*least) >= load(*own)) return false;
  ++least->coming;
  // While it is a member it cannot be gone: leaving takes the same lock.
  least->worker->post([self = shared_from_this(), target = least->worker, listener, socket] {
    target->take_over(listener, socket);
    self->arrived(*target);
  });
  return true;
}

void ConnectionBalance::arrived(const Worker& worker) {
  const std::lock_guard lock(mutex_);
  const auto member = std::ranges::find(members_, &worker, &Member::worker);
  if (member != members_.end() && member->coming > 0) --member->coming;
}

}  // namespace remora
