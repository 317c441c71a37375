#include "http/h1_body_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace remora {
namespace {

/// Reads a chunked body as its owner does: what was not used is shown again in front of what comes next.
class ChunkedBody : public testing::Test {
 protected:
  ChunkedBody() { reader_.start({Framing::Kind::kChunked, 0}); }

  void feed(std::string_view bytes) {
    kept_ += bytes;
    while (!kept_.empty() && !over_) {
      const auto step = reader_.next(kept_, limits_, trailers_);
      body_ += step.data;
      if (step.event == BodyReader::Event::kBad) over_ = bad_ = true;
      if (step.event == BodyReader::Event::kTrailers) over_ = ended_by_trailers_ = true;
      if (step.event == BodyReader::Event::kData && step.end) over_ = true;
      if (step.used == 0) return;
      kept_.erase(0, step.used);
    }
  }

  BodyReader reader_;
  HeadLimits limits_{256, 4};
  HeaderMap trailers_;
  std::string kept_, body_;
  bool over_ = false, bad_ = false, ended_by_trailers_ = false;
};

TEST_F(ChunkedBody, WithoutTrailersEndsWithTheBody) {
  feed("3\r\nabc\r\n0\r\n\r\nGET /next");
  EXPECT_TRUE(over_);
  EXPECT_FALSE(bad_ || ended_by_trailers_);
  EXPECT_EQ(body_, "abc");
  EXPECT_EQ(kept_, "GET /next");
}

TEST_F(ChunkedBody, WithTrailersEndsWithThem) {
  for (const char c : std::string("3\r\nabc\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n")) feed({&c, 1});
  EXPECT_TRUE(ended_by_trailers_);
  EXPECT_EQ(body_, "abc");
  EXPECT_EQ(trailers_.get("x-b"), "2");
}

TEST_F(ChunkedBody, TrailersThatNeverEndAreBadAtTheLimitAndNotKept) {
  feed("0\r\nx-a: ");
  for (int i = 0; i < 300 && !over_; ++i) feed("a");
  EXPECT_TRUE(bad_);
  EXPECT_LE(kept_.size(), limits_.max_bytes + 1);
}

TEST_F(ChunkedBody, TrailersThatArriveAtOnceObeyTheSameLimit) {
  feed("0\r\nx-a: " + std::string(300, 'a') + "\r\n\r\n");
  EXPECT_TRUE(bad_);
}

TEST_F(ChunkedBody, FramingFieldsInTrailersAreBad) {
  feed("0\r\nContent-Length: 5\r\n\r\n");
  EXPECT_TRUE(bad_);
}

TEST(LengthBody, GivesWhatIsDueAndNothingMore) {
  BodyReader reader;
  HeaderMap trailers;
  reader.start({Framing::Kind::kLength, 5});
  auto step = reader.next("abc", {}, trailers);
  EXPECT_EQ(step.data, "abc");
  EXPECT_FALSE(step.end);
  EXPECT_EQ(reader.left(), 2u);
  step = reader.next("deGET", {}, trailers);
  EXPECT_EQ(step.data, "de");
  EXPECT_EQ(step.used, 2u);
  EXPECT_TRUE(step.end);
}

}  // namespace
}  // namespace remora
