#pragma once

#include <utility>
#include <vector>

#include "remora/http/header_map.h"

namespace remora {

/// Header maps with the memory they have grown, for heads that are being read. A connection holds one only
/// while a message is arriving: thousands of idle ones share a handful. One worker's.
class HeaderMapPool {
 public:
  HeaderMap take() {
    if (spare_.empty()) return {};
    HeaderMap map = std::move(spare_.back());
    spare_.pop_back();
    return map;
  }

  void give(HeaderMap&& map) {
    if (spare_.size() >= kKept) {
      map = HeaderMap();
      return;
    }
    map.clear();
    spare_.push_back(std::move(map));
  }

 private:
  static constexpr size_t kKept = 64;
  std::vector<HeaderMap> spare_;
};

}  // namespace remora
