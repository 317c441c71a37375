#pragma once

#include <memory>
#include <vector>

#include "upstream_try.h"

namespace remora {

/// The attempts of one exchange. There is one at a time, the current one, which is used again for each retry.
/// Where hedging lets an attempt that has become slow go on, a fresh one takes its place, and the first of
/// them that answers becomes the current one. Worker thread only.
class UpstreamTries {
 public:
  explicit UpstreamTries(UpstreamTry::Owner& owner) : owner_(owner), first_(owner) {}

  UpstreamTry* operator->() { return current_; }
  const UpstreamTry* operator->() const { return current_; }
  UpstreamTry& operator*() { return *current_; }

  /// The current attempt has become slow: it goes on beside the next one, which is current from now on.
  void let_go_on();
  [[nodiscard]] bool is_slow(const UpstreamTry& one) const;
  /// Those that have become slow and still may answer.
  [[nodiscard]] const std::vector<UpstreamTry*>& slow() const { return slow_; }
  /// How many have neither ended nor failed.
  [[nodiscard]] size_t active() const;
  /// Whether an attempt other than `one` may still answer.
  [[nodiscard]] bool others_wait(const UpstreamTry& one) const;
  /// A slow one that is over, or is not waited for any more.
  void drop(UpstreamTry& one);
  /// `winner` has answered: it becomes the current one, all others end.
  void keep_only(UpstreamTry& winner);

  /// Ends all of them.
  void abandon();
  /// Forgets hosts and pools; only when none is active.
  void clear();

 private:
  UpstreamTry& unused();

  UpstreamTry::Owner& owner_;
  UpstreamTry first_;
  std::vector<std::unique_ptr<UpstreamTry>> more_;  // made by the first request that needs them, then kept
  UpstreamTry* current_ = &first_;
  std::vector<UpstreamTry*> slow_;
};

}  // namespace remora
