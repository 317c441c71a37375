#pragma once

#include <cstdint>
#include <string_view>

namespace remora {

/// Decodes the chunk framing of a body (RFC 9112 section 7.1), strictly: CRLF only, plain hex sizes, bounded
/// extensions. Feed it bytes; it says what to do with the next run of them.
class ChunkDecoder {
 public:
  enum class Event : uint8_t {
    kNeedMore,  ///< everything was used up
    kData,      ///< `data` is body
    kTrailers,  ///< the last chunk is done; what follows is the trailer section up to its empty line
    kBad,
  };
  struct Step {
    Event event;
    size_t used;  ///< bytes consumed, including `data`
    std::string_view data{};
  };

  Step next(std::string_view bytes);
  void reset() { *this = ChunkDecoder(); }

  static constexpr size_t kMaxExtension = 256;         // per chunk
  static constexpr size_t kMaxExtensions = 16 * 1024;  // per body

 private:
  enum class State : uint8_t { kSize, kExtension, kSizeEnd, kData, kDataCr, kDataLf };
  bool size_digit(char c);

  State state_ = State::kSize;
  uint64_t left_ = 0;
  uint8_t digits_ = 0;
  size_t extension_ = 0;
  size_t extensions_ = 0;
};

}  // namespace remora
