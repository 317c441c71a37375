#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace remora {

/// Positions of routes whose path matches, gathered from several indexes and handed out in ascending order.
/// Two kinds are kept apart: the first route without further conditions is the answer if nothing before it
/// holds, so one number (`bound`) stands for all of them; routes with conditions come as ascending lists,
/// merged lazily, and only as far as the bound.
class Candidates {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  /// `scratch` is borrowed: the lists' heads live in it, so that a reused one costs no allocation.
  struct Cursor {
    const uint32_t* at;
    const uint32_t* end;
  };
  explicit Candidates(std::vector<Cursor>& scratch) : cursors_(scratch) { cursors_.clear(); }

  /// A route without conditions at `position`: whatever comes later cannot win.
  void limit(uint32_t position) { bound_ = std::min(bound_, position); }
  [[nodiscard]] uint32_t bound() const { return bound_; }

  void add(std::span<const uint32_t> ascending) {
    if (!ascending.empty() && ascending.front() < bound_) {
      cursors_.push_back({ascending.data(), ascending.data() + ascending.size()});
    }
  }

  /// The lowest position for which `holds(position)`, else the bound (kNone: no route at all).
  template <typename Predicate>
  uint32_t first(Predicate holds) {
    const auto later = [](const Cursor& a, const Cursor& b) { return *a.at > *b.at; };
    std::make_heap(cursors_.begin(), cursors_.end(), later);
    while (!cursors_.empty() && *cursors_.front().at < bound_) {
      std::pop_heap(cursors_.begin(), cursors_.end(), later);
      Cursor& cursor = cursors_.back();
      if (holds(*cursor.at)) return *cursor.at;
      if (++cursor.at == cursor.end) {
        cursors_.pop_back();
      } else {
        std::push_heap(cursors_.begin(), cursors_.end(), later);
      }
    }
    return bound_;
  }

 private:
  std::vector<Cursor>& cursors_;
  uint32_t bound_ = kNone;
};

}  // namespace remora
