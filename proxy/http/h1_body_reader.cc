#include "http/h1_body_reader.h"

#include <algorithm>

namespace remora {

void BodyReader::start(const Framing& framing) {
  part_ = framing.kind == Framing::Kind::kChunked ? Part::kChunks : Part::kLength;
  left_ = framing.length;
  chunks_.reset();
  scanner_.reset();
}

BodyReader::Step BodyReader::next(std::string_view bytes, const HeadLimits& limits, HeaderMap& trailers) {
  switch (part_) {
    case Part::kLength: return next_of_length(bytes);
    case Part::kChunks: return next_of_chunks(bytes);
    case Part::kTrailers: return next_of_trailers(bytes, limits, trailers);
  }
  return {};
}

BodyReader::Step BodyReader::next_of_length(std::string_view bytes) {
  const auto size = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  left_ -= size;
  return {Event::kData, size, bytes.substr(0, size), left_ == 0};
}

BodyReader::Step BodyReader::next_of_chunks(std::string_view bytes) {
  const auto step = chunks_.next(bytes);
  switch (step.event) {
    case ChunkDecoder::Event::kNeedMore: break;
    case ChunkDecoder::Event::kData: return {Event::kData, step.used, step.data, false};
    case ChunkDecoder::Event::kTrailers: part_ = Part::kTrailers; break;
    case ChunkDecoder::Event::kBad: return {Event::kBad, bytes.size(), {}, false};
  }
  return {Event::kMore, step.used, {}, false};
}

BodyReader::Step BodyReader::next_of_trailers(std::string_view bytes, const HeadLimits& limits,
                                              HeaderMap& trailers) {
  const auto state = scanner_.scan(bytes);
  if (state == HeadScanner::State::kMore && bytes.size() <= limits.max_bytes) return {};
  const size_t size = scanner_.size();
  const bool complete = state == HeadScanner::State::kComplete && size <= limits.max_bytes;
  scanner_.reset();
  if (!complete || parse_trailers(bytes.substr(0, size), limits, trailers).failed()) {
    return {Event::kBad, bytes.size(), {}, false};
  }
  if (trailers.empty()) return {Event::kData, size, {}, true};
  return {Event::kTrailers, size, {}, true};
}

}  // namespace remora
