#include "http/h1_chunked.h"

#include <algorithm>

namespace remora {

bool ChunkDecoder::size_digit(char c) {
  unsigned digit = 0;
  if (c >= '0' && c <= '9') {
    digit = static_cast<unsigned>(c - '0');
  } else if (c >= 'a' && c <= 'f') {
    digit = static_cast<unsigned>(c - 'a') + 10;
  } else if (c >= 'A' && c <= 'F') {
    digit = static_cast<unsigned>(c - 'A') + 10;
  } else {
    return false;
  }
  // 15 digits keep the sum of sizes far from overflow; nobody sends a chunk of 2^60 bytes in earnest.
  if (++digits_ > 15) return false;
  left_ = left_ * 16 + digit;
  return true;
}

ChunkDecoder::Step ChunkDecoder::next(std::string_view bytes) {
  size_t used = 0;
  const auto bad = [&used] { return Step{Event::kBad, used}; };
  while (used < bytes.size()) {
    const char c = bytes[used];
    switch (state_) {
      case State::kSize:
        ++used;
        if (size_digit(c)) break;
        if (digits_ == 0) return bad();
        if (c == ';') {
          state_ = State::kExtension;
          extension_ = 0;
        } else if (c == '\r') {
          state_ = State::kSizeEnd;
        } else {
          return bad();
        }
        break;
      case State::kExtension:
        ++used;
        if (c == '\r') {
          state_ = State::kSizeEnd;
        } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
          return bad();
        } else if (++extension_ > kMaxExtension || ++extensions_ > kMaxExtensions) {
          return bad();
        }
        break;
      case State::kSizeEnd:
        ++used;
        if (c != '\n') return bad();
        digits_ = 0;
        state_ = State::kData;
        if (left_ == 0) {
          state_ = State::kSize;
          return {Event::kTrailers, used};
        }
        break;
      case State::kData: {
        const auto size = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size() - used));
        const auto data = bytes.substr(used, size);
        left_ -= size;
        if (left_ == 0) state_ = State::kDataCr;
        return {Event::kData, used + size, data};
      }
      case State::kDataCr:
        ++used;
        if (c != '\r') return bad();
        state_ = State::kDataLf;
        break;
      case State::kDataLf:
        ++used;
        if (c != '\n') return bad();
        state_ = State::kSize;
        break;
    }
  }
  return {Event::kNeedMore, used};
}

}  // namespace remora
