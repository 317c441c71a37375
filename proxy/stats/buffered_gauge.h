#pragma once

#include <cstddef>

#include "remora/core/stats.h"

namespace remora {

/// One connection's part of a gauge that sums up over connections: remembers what it has added.
class BufferedGauge {
 public:
  void report(StatBlock& stats, size_t stat, size_t now) {
    if (now == reported_) return;
    stats.add(stat, now - reported_);  // modulo 2^64: also right when it shrinks
    reported_ = now;
  }

 private:
  size_t reported_ = 0;
};

}  // namespace remora
