#pragma once

#include <algorithm>

#include "net/reactor.h"
#include "net/timer_wheel.h"
#include "remora/core/clock.h"

namespace remora {

/// Notices that nothing has happened for a while. The timer is armed once and moved only when it expires:
/// activity costs a store. Worker thread only.
class IdleWatch {
 public:
  IdleWatch(Timer::Callback callback, void* owner) : timer_(callback, owner) {}

  /// Something has happened.
  void touch(MonotonicTime now) { last_activity_ = now; }

  /// From now on, quiet for `limit` is too long. 0: never.
  void watch(Reactor& reactor, Milliseconds limit) {
    limit_ = limit;
    if (limit.count() > 0) {
      reactor.arm(timer_, limit);
    } else {
      timer_.cancel();
    }
  }
  void stop() { timer_.cancel(); }

  /// While it watches: another limit, which counts from the last activity on.
  void change(Reactor& reactor, MonotonicTime now, Milliseconds limit) {
    if (!timer_.armed()) return;
    limit_ = limit;
    const auto quiet = std::chrono::duration_cast<Milliseconds>(now - last_activity_);
    reactor.arm(timer_, std::max(limit - quiet, Milliseconds(0)));
  }

  /// For the callback: whether it has really been quiet for so long. If not, it is called again when it may
  /// have been.
  bool expired(Reactor& reactor, MonotonicTime now) {
    const auto quiet = std::chrono::duration_cast<Milliseconds>(now - last_activity_);
    if (quiet >= limit_) return true;
    reactor.arm(timer_, limit_ - quiet);
    return false;
  }

 private:
  MonotonicTime last_activity_{};
  Milliseconds limit_{0};
  Timer timer_;
};

}  // namespace remora
