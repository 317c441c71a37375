#pragma once

#include <cstddef>
#include <vector>

namespace remora {

class Host;

/// Hosts that were chosen before their requests came, so that connections could be made ahead of them. The
/// next requests get them, in this order. Borrows the hosts. Not thread-safe.
class Foreseen {
 public:
  /// Null: nobody.
  const Host* take() {
    if (next_ == hosts_.size()) return nullptr;
    const Host* host = hosts_[next_++];
    if (2 * next_ >= hosts_.size()) {  // moves each of them once, on the average
      hosts_.erase(hosts_.begin(), hosts_.begin() + static_cast<std::ptrdiff_t>(next_));
      next_ = 0;
    }
    return host;
  }
  void add(const Host& host) { hosts_.push_back(&host); }
  void clear() { hosts_.clear(), next_ = 0; }
  [[nodiscard]] size_t size() const { return hosts_.size() - next_; }

 private:
  std::vector<const Host*> hosts_;
  size_t next_ = 0;
};

}  // namespace remora
