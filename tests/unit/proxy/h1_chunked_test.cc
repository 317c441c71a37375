#include "http/h1_chunked.h"

#include <gtest/gtest.h>

#include <string>

namespace remora {
namespace {

/// Decodes `bytes` given in pieces of `piece`; the body so far and how it went on at the end.
struct Outcome {
  std::string body;
  bool bad = false;
  bool done = false;
  size_t used = 0;
};

Outcome decode(const std::string& bytes, size_t piece) {
  ChunkDecoder decoder;
  Outcome outcome;
  for (size_t start = 0; start < bytes.size() && !outcome.bad && !outcome.done;) {
    std::string_view rest = std::string_view(bytes).substr(start, piece);
    start += rest.size();
    while (!rest.empty()) {
      const auto step = decoder.next(rest);
      rest.remove_prefix(step.used);
      outcome.used += step.used;
      outcome.body += step.data;
      if (step.event == ChunkDecoder::Event::kBad) outcome.bad = true;
      if (step.event == ChunkDecoder::Event::kTrailers) outcome.done = true;
      if (step.event == ChunkDecoder::Event::kNeedMore) break;
      if (outcome.bad || outcome.done) break;
    }
  }
  return outcome;
}

TEST(ChunkDecoder, DecodesWhateverTheCuts) {
  const std::string bytes = "5\r\nhello\r\nA;name=value\r\n0123456789\r\n0\r\n";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    const auto outcome = decode(bytes, piece);
    EXPECT_TRUE(outcome.done) << piece;
    EXPECT_EQ(outcome.body, "hello0123456789") << piece;
    EXPECT_EQ(outcome.used, bytes.size()) << piece;
  }
}

TEST(ChunkDecoder, RefusesEverythingElse) {
  for (const std::string bad :
       {"\r\n", "g\r\n", "0x5\r\n", "+5\r\n", " 5\r\n", "5 \r\n", "5\n", "5\r\nhelloX", "5\r\nhello\n",
        "5;a\nb\r\n", "5;\x01\r\n", "1234567890abcdef\r\n", "-1\r\n", "5\rX"}) {
    EXPECT_TRUE(decode(bad, bad.size()).bad) << bad;
    EXPECT_TRUE(decode(bad, 1).bad) << bad;
  }
}

TEST(ChunkDecoder, BoundsExtensions) {
  EXPECT_FALSE(decode("1;" + std::string(ChunkDecoder::kMaxExtension, 'x') + "\r\na", 7).bad);
  EXPECT_TRUE(decode("1;" + std::string(ChunkDecoder::kMaxExtension + 1, 'x') + "\r\na", 7).bad);
  std::string many;
  for (size_t i = 0; i < 200; ++i) many += "1;" + std::string(200, 'x') + "\r\na\r\n";
  EXPECT_TRUE(decode(many, 1000).bad);
}

}  // namespace
}  // namespace remora
