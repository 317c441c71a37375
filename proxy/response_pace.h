#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "net/byte_queue.h"
#include "remora/core/clock.h"
#include "remora/http/stream.h"

namespace remora {

/// Lets a response's body through at a given rate, in slices of a sixteenth of a second: what could not go in
/// one slice may follow in the next ones, up to a second's worth. Holds the bytes with their credits, so the
/// upstream is read no faster. Worker thread only. Source: Envoy, fault injection's response_rate_limit.
class ResponsePace {
 public:
  static constexpr Milliseconds kSlice{63};

  explicit ResponsePace(uint64_t bytes_per_second)
      : per_slice_(std::max<uint64_t>(1, bytes_per_second / kSlices)) {}
  [[nodiscard]] uint64_t bytes_per_second() const { return per_slice_ * kSlices; }

  void hold(BodyChunk chunk);
  /// Nothing follows but, perhaps, trailers.
  void complete() { complete_ = true; }

  /// The next bytes that may leave, all of them if `last()` holds then. Valid until sent().
  BodyChunk next(MonotonicTime now);
  /// What next() gave is all that there was and will be.
  [[nodiscard]] bool last() const { return complete_ && taken_ == held_.size(); }
  /// Forgets what next() gave; true if more is waiting.
  bool sent();

 private:
  static constexpr uint64_t kSlices = 16;  // of a second

  uint64_t per_slice_;
  uint64_t slices_ = 1;      // that may be used now
  MonotonicTime counted_{};  // slices until here are in slices_
  size_t taken_ = 0;
  ByteQueue held_;
  Credit credit_;
  bool complete_ = false;
};

}  // namespace remora
