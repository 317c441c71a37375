#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "upstream/limit.h"

namespace remora {

class MessageEvents;

/// The places in the request breaker that the streams of one connection hold. Units of the same priority are
/// alike, so only the few of high priority are kept by stream.
class StreamUnits {
 public:
  void add(const MessageEvents& stream, BreakerUnit unit) {
    if (unit.high_priority()) {
      high_.emplace_back(&stream, std::move(unit));
    } else {
      normal_.push_back(std::move(unit));
    }
  }
  void remove(const MessageEvents& stream) {
    const auto found =
        std::find_if(high_.begin(), high_.end(), [&](const auto& held) { return held.first == &stream; });
    if (found != high_.end()) {
      std::swap(*found, high_.back());
      high_.pop_back();
    } else {
      normal_.pop_back();
    }
  }
  [[nodiscard]] size_t size() const { return normal_.size() + high_.size(); }
  void clear() {
    normal_.clear();
    high_.clear();
  }

 private:
  std::vector<BreakerUnit> normal_;
  std::vector<std::pair<const MessageEvents*, BreakerUnit>> high_;
};

}  // namespace remora
