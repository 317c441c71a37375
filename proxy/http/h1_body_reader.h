#pragma once

#include <cstdint>
#include <string_view>

#include "http/h1_chunked.h"
#include "http/h1_head.h"

namespace remora {

/// Reads what follows a head that announces a body by its length or in chunks: the same for requests and
/// responses. Feed it bytes; it says what the next run of them is.
class BodyReader {
 public:
  enum class Event : uint8_t {
    kMore,      ///< nothing to tell yet
    kData,      ///< `data` is body, `end` if it is the last of a body without trailers
    kTrailers,  ///< the message ends with trailers, which are in the map
    kBad,
  };
  struct Step {
    Event event = Event::kMore;
    size_t used = 0;
    std::string_view data{};
    bool end = false;
  };

  /// Of kind kLength or kChunked.
  void start(const Framing& framing);
  Step next(std::string_view bytes, const HeadLimits& limits, HeaderMap& trailers);

  /// How much of a body of known length is still to come.
  [[nodiscard]] uint64_t left() const { return part_ == Part::kLength ? left_ : 0; }
  /// Past the last byte of the body: what is read now asks for no room with the reader.
  [[nodiscard]] bool at_trailers() const { return part_ == Part::kTrailers; }

 private:
  enum class Part : uint8_t { kLength, kChunks, kTrailers };

  Step next_of_length(std::string_view bytes);
  Step next_of_chunks(std::string_view bytes);
  Step next_of_trailers(std::string_view bytes, const HeadLimits& limits, HeaderMap& trailers);

  Part part_ = Part::kLength;
  uint64_t left_ = 0;
  ChunkDecoder chunks_;
  HeadScanner scanner_;
};

}  // namespace remora
