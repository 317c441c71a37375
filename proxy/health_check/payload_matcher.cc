#include "health_check/payload_matcher.h"

#include <algorithm>

namespace remora {

void PayloadMatcher::feed(std::string_view bytes) {
  if (done()) return;
  tail_.append(bytes);
  size_t from = 0;
  while (!done()) {
    const auto& block = blocks_[next_];
    const size_t found = tail_.find(block, from);
    if (found == std::string::npos) {
      const size_t keep = std::min(tail_.size() - from, block.size() - 1);
      tail_.erase(0, tail_.size() - keep);
      return;
    }
    from = found + block.size();
    ++next_;
  }
  tail_.clear();
}

void PayloadMatcher::reset() {
  next_ = 0;
  tail_.clear();
}

}  // namespace remora
