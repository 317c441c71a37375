#pragma once

#include <algorithm>

#include "remora/core/clock.h"
#include "remora/core/random.h"

namespace remora::xds {

/// Delays between attempts to reach a management server: uniform in [0, limit), where the limit doubles from
/// 500 ms to 30 s, so that a thousand proxies that lost one server do not come back at once. Source: Envoy,
/// subscription back-off.
class BackOff {
 public:
  explicit BackOff(Random& random) : random_(random) {}

  Milliseconds next() {
    const Milliseconds limit = limit_;
    limit_ = std::min(limit_ * 2, kMax);
    return Milliseconds{static_cast<int64_t>(random_.below(static_cast<uint64_t>(limit.count())))};
  }
  void reset() { limit_ = kBase; }

  static constexpr Milliseconds kBase{500};
  static constexpr Milliseconds kMax{30000};

 private:
  Random& random_;
  Milliseconds limit_ = kBase;
};

}  // namespace remora::xds
