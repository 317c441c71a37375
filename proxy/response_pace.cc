#include "response_pace.h"

#include <algorithm>
#include <utility>

namespace remora {

void ResponsePace::hold(BodyChunk chunk) {
  held_.append(chunk.bytes);
  credit_.merge(std::move(chunk.credit));
}

BodyChunk ResponsePace::next(MonotonicTime now) {
  if (counted_ == MonotonicTime{})
    counted_ = now;  // the first bytes have one slice, not what came before them
  const auto gained = (now - counted_) / kSlice;
  counted_ += gained * kSlice;
  slices_ = std::min(kSlices, slices_ + static_cast<uint64_t>(gained));
  const uint64_t wanted = (held_.size() + per_slice_ - 1) / per_slice_;
  const uint64_t used = std::min(wanted, slices_);
  slices_ -= used;
  taken_ = static_cast<size_t>(std::min<uint64_t>(held_.size(), used * per_slice_));
  return {held_.view().substr(0, taken_), credit_.split(taken_)};
}

bool ResponsePace::sent() {
  held_.consume(std::exchange(taken_, 0));
  return !held_.empty();
}

}  // namespace remora
