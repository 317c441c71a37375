#include "grpc_stats/message_counter.h"

#include <algorithm>

namespace remora::filters {

uint64_t MessageCounter::add(std::string_view bytes) {
  const uint64_t before = count_;
  while (!bytes.empty()) {
    if (at_ == kPrefix) {
      const auto part = static_cast<uint32_t>(std::min<size_t>(length_, bytes.size()));
      bytes.remove_prefix(part);
      length_ -= part;
      if (length_ == 0) at_ = 0;
      continue;
    }
    if (at_ == 0) {
      ++count_;
      length_ = 0;
    } else {
      length_ = (length_ << 8) | static_cast<unsigned char>(bytes.front());
    }
    bytes.remove_prefix(1);
    ++at_;
    if (at_ == kPrefix && length_ == 0) at_ = 0;  // an empty message
  }
  return count_ - before;
}

}  // namespace remora::filters
