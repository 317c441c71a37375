// The HTTP/2 server codec against frames written by hand: floods, malformed messages, frames out of place.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "http/h2_frame_walker.h"
#include "http/h2_server_codec.h"
#include "stats/http2_stats.h"
#include "unit/proxy/codec_fakes.h"
#include "unit/proxy/h2_frames.h"

namespace remora {
namespace {

using namespace h2;  // NOLINT: the frames are this file's words

class H2HostileTest : public testing::Test, public ServerCodecEvents {
 protected:
  H2HostileTest() : stats_(http2_stat_schema()) {
    settings_.stats = &stats_;
    settings_.options.stream_error_on_invalid_http_messaging = true;
  }
  void begin_towards_a_peer_that_collects_nothing() {
    settings_.options.max_outbound_control_frames = 100;
    begin();
    const int small = 4096;
    setsockopt(wire_.connection.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  }
  void begin(std::string_view preface = kPreface) {
    codec_ = std::make_unique<H2ServerCodec>(wire_.connection, wire_.reactor, *this, settings_);
    wire_.receive = [this](std::string_view bytes) { return codec_->receive(bytes); };
    wire_.send(std::string(preface) + frame(kSettings, 0, 0, ""));
  }
  MessageEvents& on_request_stream(MessageSink& response, Protocol) override {
    responses_.push_back(&response);
    requests_.push_back(std::make_unique<Recorder>());
    return *requests_.back();
  }
  MessageEvents& on_bad_request(HeadError error, MessageSink& response, Protocol) override {
    refused_ = error.detail;
    HeaderMap head;
    head.add(HeaderId::kStatus, uint64_t{error.status});
    response.send_head(head, true);
    requests_.push_back(std::make_unique<Recorder>());
    return *requests_.back();
  }
  void on_stream_done(MessageEvents*, bool) override { ++done_; }
  void on_request_outlived(MessageEvents&) override {}
  void on_connection_failed(CodecFault fault) override { fault_ = fault; }
  void on_connection_finished() override {}

  /// The first frame of `type` that has come back since the last question; none: fails.
  Frame answer(Type type) {
    for (int i = 0; i < 4; ++i) {
      for (auto& one : parse(wire_.sent())) replies_.push_back(std::move(one));
    }
    for (const auto& one : replies_) {
      if (one.type == type && (type != kSettings || one.flags == 0)) return one;
    }
    ADD_FAILURE() << "no frame of type " << type;
    return {};
  }
  void expect_goaway(uint32_t code, CodecFault fault) {
    EXPECT_EQ(answer(kGoaway).code(), code);
    EXPECT_EQ(fault_, fault);
  }
  /// The stream is reset and the connection lives.
  void expect_reset(uint32_t stream, uint32_t code) {
    const auto reset = answer(kRstStream);
    EXPECT_EQ(reset.stream, stream);
    EXPECT_EQ(reset.code(), code);
    EXPECT_EQ(fault_, CodecFault::kNone);
  }
  [[nodiscard]] uint64_t stat(Http2Stat which) const { return stats_.value(which); }

  Wire wire_;
  StatBlock stats_;
  H2Settings settings_;
  std::unique_ptr<H2ServerCodec> codec_;
  std::vector<std::unique_ptr<Recorder>> requests_;
  std::vector<MessageSink*> responses_;
  std::vector<Frame> replies_;
  std::string refused_;
  int done_ = 0;
  CodecFault fault_ = CodecFault::kNone;
};

// ------------------------------------------------------------------------------------------ floods

TEST_F(H2HostileTest, EmptyDataFrames) {
  begin();
  wire_.send(headers(1, get(), false) + frame(kData, 0, 1, "") + frame(kData, 0, 1, ""));
  expect_goaway(kEnhanceYourCalm, CodecFault::kFlood);
  EXPECT_EQ(stat(kHttp2InboundEmptyFramesFlood), 1u);
}

TEST_F(H2HostileTest, PaddingDoesNotHideAnEmptyFrame) {
  begin();
  const auto padding = std::string(1, '\4') + std::string(4, '\0');
  wire_.send(headers(1, get(), false) + frame(kData, kPadded, 1, padding) +
             frame(kData, kPadded, 1, padding));
  expect_goaway(kEnhanceYourCalm, CodecFault::kFlood);
}

TEST_F(H2HostileTest, EmptyFramesWithSomethingBetweenThemAreNoFlood) {
  begin();
  std::string bytes = headers(1, get(), false);
  for (int i = 0; i < 50; ++i) bytes += frame(kData, 0, 1, "") + frame(kData, 0, 1, "x");
  wire_.send(bytes);
  EXPECT_EQ(fault_, CodecFault::kNone);
}

TEST_F(H2HostileTest, PriorityFrames) {
  begin();
  const auto one = frame(kPriority, 0, 1, number(0) + "\x10");
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += one;
  wire_.send(bytes);
  EXPECT_EQ(fault_, CodecFault::kNone);
  wire_.send(one);
  expect_goaway(kEnhanceYourCalm, CodecFault::kFlood);
  EXPECT_EQ(stat(kHttp2InboundPriorityFramesFlood), 1u);
}

TEST_F(H2HostileTest, WindowUpdates) {
  begin();
  std::string bytes;
  for (int i = 0; i < 6; ++i) bytes += frame(kWindowUpdate, 0, 0, number(1));
  wire_.send(bytes);
  expect_goaway(kEnhanceYourCalm, CodecFault::kFlood);
  EXPECT_EQ(stat(kHttp2InboundWindowUpdateFramesFlood), 1u);
}

TEST_F(H2HostileTest, PingsThatAreNeverCollected) {
  begin_towards_a_peer_that_collects_nothing();
  std::string pings;
  for (int i = 0; i < 50; ++i) pings += frame(kPing, 0, 0, "12345678");
  for (int i = 0; i < 200 && fault_ == CodecFault::kNone; ++i) wire_.send(pings);
  EXPECT_EQ(fault_, CodecFault::kFlood);
  EXPECT_GE(stat(kHttp2OutboundControlFlood), 1u);
}

TEST_F(H2HostileTest, ResetsThatAreNeverCollected) {
  begin_towards_a_peer_that_collects_nothing();
  uint32_t stream = 1;
  while (stream < 100000 && fault_ == CodecFault::kNone) {
    std::string bytes;
    for (int i = 0; i < 50; ++i, stream += 2) bytes += headers(stream, get({{"connection", "close"}}));
    wire_.send(bytes);
  }
  EXPECT_EQ(fault_, CodecFault::kFlood);
  EXPECT_EQ(stat(kHttp2OutboundControlFlood), 1u);
}

TEST_F(H2HostileTest, PingsThatAreCollectedAreAnswered) {
  begin();
  for (int i = 0; i < 3000; ++i) {
    wire_.send(frame(kPing, 0, 0, "12345678"));
    EXPECT_EQ(parse(wire_.sent()).back().type, kPing);
  }
  EXPECT_EQ(fault_, CodecFault::kNone);
}

TEST_F(H2HostileTest, SettingsInOneGo) {
  begin();
  std::string bytes;
  for (int i = 0; i < 1100; ++i) bytes += frame(kSettings, 0, 0, "");
  wire_.send(bytes);
  expect_goaway(kEnhanceYourCalm, CodecFault::kFlood);
}

TEST_F(H2HostileTest, SettingsWithTooManyEntries) {
  begin();
  std::string entries;
  for (int i = 0; i < 40; ++i) entries += std::string("\0\4", 2) + number(65535);
  wire_.send(frame(kSettings, 0, 0, entries));
  expect_goaway(kEnhanceYourCalm, CodecFault::kFlood);
}

TEST_F(H2HostileTest, ContinuationsWithoutEnd) {
  begin();
  wire_.send(frame(kHeaders, kEndStream, 1, section(get())));
  for (int i = 0; i < 100 && fault_ == CodecFault::kNone; ++i)
    wire_.send(frame(kContinuation, 0, 1, section({{"x", std::to_string(i)}})));
  expect_goaway(kEnhanceYourCalm, CodecFault::kFlood);
}

TEST_F(H2HostileTest, EmptyContinuations) {
  begin();
  wire_.send(frame(kHeaders, 0, 1, section(get())) + frame(kContinuation, 0, 1, "") +
             frame(kContinuation, 0, 1, ""));
  expect_goaway(kEnhanceYourCalm, CodecFault::kFlood);
}

TEST_F(H2HostileTest, StreamsOpenedToBeReset) {
  begin();
  uint32_t stream = 1;
  for (; stream < 2000 && fault_ == CodecFault::kNone; stream += 2)
    wire_.send(headers(stream, get()) + frame(kRstStream, 0, stream, number(8)));
  EXPECT_EQ(fault_, CodecFault::kPrematureResets);
  EXPECT_EQ(stream / 2, 250u);  // half of the 500 streams that it takes to judge
  EXPECT_EQ(stat(kHttp2RxReset), 250u);
  EXPECT_EQ(stat(kHttp2StreamsActive), 0u);
}

TEST_F(H2HostileTest, ResetsAmongManyAnsweredStreamsAreNoAttack) {
  begin();
  for (uint32_t stream = 1; stream < 4000; stream += 2) {
    wire_.send(headers(stream, get()));
    if (stream % 8 == 1) {
      wire_.send(frame(kRstStream, 0, stream, number(8)));
    } else {
      HeaderMap head;
      head.add(HeaderId::kStatus, "204");
      responses_.back()->send_head(head, true);
    }
    wire_.sent();
    ASSERT_EQ(fault_, CodecFault::kNone) << stream;
  }
}

TEST_F(H2HostileTest, ResetsOfAnswersUnderWayAreNoAttack) {
  begin();
  for (uint32_t stream = 1; stream < 2000; stream += 2) {
    wire_.send(headers(stream, get()));
    HeaderMap head;
    head.add(HeaderId::kStatus, "200");
    responses_.back()->send_head(head, false);
    wire_.sent();
    wire_.send(frame(kRstStream, 0, stream, number(8)));
    ASSERT_EQ(fault_, CodecFault::kNone) << stream;
  }
}

// ---------------------------------------------------------------------------------- field sections

TEST_F(H2HostileTest, TooManyFields) {
  begin();
  Fields fields = get();
  for (int i = 0; i < 100; ++i) fields.emplace_back("x", "y");
  wire_.send(headers(1, fields));
  EXPECT_EQ(answer(kRstStream).stream, 1u);
  EXPECT_EQ(stat(kHttp2HeaderOverflow), 1u);
  EXPECT_TRUE(requests_.empty());
  EXPECT_EQ(fault_, CodecFault::kNone);
  wire_.send(headers(3, get()));  // the connection lives
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(H2HostileTest, FieldsThatAreSmallOnlyOnTheWire) {
  settings_.limits.max_bytes = 8 * 1024;
  begin();
  // One long value enters the table; each further byte names it again.
  std::string block = section(get());
  block += std::string("\x40\x01", 2) + "x" + std::string("\x7f\xa1\x0e", 3) + std::string(1952, 'v');
  block += std::string(20, '\xbe');  // index 62
  wire_.send(frame(kHeaders, kEndHeaders | kEndStream, 1, block));
  EXPECT_EQ(answer(kRstStream).stream, 1u);
  EXPECT_EQ(stat(kHttp2HeaderOverflow), 1u);
}

TEST_F(H2HostileTest, CookieCrumbsAreCountedWhileTheyCome) {
  begin();
  Fields fields = get();
  for (int i = 0; i < 400; ++i) fields.emplace_back("cookie", "a=1");
  wire_.send(headers(1, fields));
  ASSERT_EQ(requests_.size(), 1u);  // browsers cut cookies into many crumbs
  for (int i = 0; i < 200; ++i) fields.emplace_back("cookie", "a=1");
  wire_.send(headers(3, fields));
  EXPECT_EQ(answer(kRstStream).stream, 3u);
  EXPECT_EQ(stat(kHttp2HeaderOverflow), 1u);
}

TEST_F(H2HostileTest, HugeTrailers) {
  begin();
  wire_.send(headers(1, get(), false));
  Fields fields;
  for (int i = 0; i < 101; ++i) fields.emplace_back("x", "y");
  wire_.send(headers(1, fields));
  EXPECT_EQ(answer(kRstStream).stream, 1u);
  EXPECT_EQ(requests_[0]->last_failure, Failure::kDownstreamProtocolError);
  EXPECT_EQ(done_, 1);
}

class H2MalformedTest : public H2HostileTest, public testing::WithParamInterface<Fields> {};

TEST_P(H2MalformedTest, IsAStreamErrorWhereTheOptionsSaySo) {
  begin();
  wire_.send(headers(1, GetParam()));
  expect_reset(1, kProtocolError);
  EXPECT_EQ(stat(kHttp2RxMessagingError), 1u);
  EXPECT_TRUE(requests_.empty());
  wire_.send(headers(3, get()));
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_P(H2MalformedTest, EndsTheConnectionOtherwise) {
  settings_.options.stream_error_on_invalid_http_messaging = false;
  begin();
  wire_.send(headers(1, GetParam()));
  expect_goaway(kProtocolError, CodecFault::kProtocol);
  EXPECT_TRUE(requests_.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Requests, H2MalformedTest,
    testing::Values(get({{"connection", "close"}}), get({{"keep-alive", "1"}}),
                    get({{"proxy-connection", "x"}}), get({{"transfer-encoding", "chunked"}}),
                    get({{"upgrade", "websocket"}}), get({{"te", "gzip"}}), get({{"X-Upper", "1"}}),
                    get({{"x y", "1"}}), get({{"", "1"}}), get({{"x", std::string("a\0b", 3)}}),
                    get({{"x", "a\r\nb: c"}}), get({{":path", "/twice"}}), get({{"x", "1"}, {":late", "1"}}),
                    get({{":status", "200"}}), get({{":unknown", "1"}}),
                    get({{":protocol", "websocket"}}),  // not offered
                    get({{"content-length", "5"}}), get({{"content-length", "1"}, {"content-length", "1"}}),
                    get({{"content-length", "-0"}}), Fields{{":method", "GET"}, {":scheme", "http"}},
                    Fields{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", ""}},
                    Fields{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "x"}},
                    Fields{{":method", "CONNECT"}, {":authority", "a"}, {":path", "/"}},
                    Fields{{"x", "only"}}));

class H2InvalidRequestTest : public H2HostileTest,
                             public testing::WithParamInterface<std::pair<Fields, std::string>> {};

TEST_P(H2InvalidRequestTest, IsAnsweredWith400) {
  begin();
  wire_.send(headers(1, GetParam().first));
  EXPECT_EQ(refused_, GetParam().second);
  EXPECT_EQ(answer(kHeaders).stream, 1u);
  EXPECT_EQ(done_, 1);
}

Fields with(std::string_view name, std::string_view value) {
  auto fields = get();
  for (auto& field : fields) {
    if (field.first == name) field.second = value;
  }
  return fields;
}

INSTANTIATE_TEST_SUITE_P(Requests, H2InvalidRequestTest,
                         testing::Values(std::pair{with(":authority", "u@a.test"), "http2.invalid_authority"},
                                         std::pair{with(":authority", "a,b"), "http2.invalid_authority"},
                                         std::pair{with(":path", "/a#b"), "http2.invalid_path"},
                                         std::pair{with(":scheme", "ftp"), "http2.invalid_scheme"}));

TEST_F(H2HostileTest, WhatFollowsARefusedHeadIsNotPassedOn) {
  begin();
  wire_.send(headers(1, with(":path", "/a#b"), false) + frame(kData, 0, 1, "body") +
             headers(1, {{"x", "1"}}));
  EXPECT_EQ(refused_, "http2.invalid_path");
  EXPECT_EQ(requests_[0]->log, "");
  EXPECT_EQ(answer(kHeaders).stream, 1u);
  EXPECT_EQ(done_, 1);
}

// ------------------------------------------------------------------------------------------- bodies

TEST_F(H2HostileTest, TheConnectionsWindowOutlivesStreamsThatAreGivenUp) {
  settings_.options.initial_stream_window_size = 65535;
  settings_.options.initial_connection_window_size = 65535;
  begin();
  const std::string chunk(16384, 'x');
  for (uint32_t stream = 1; stream < 40; stream += 2) {
    wire_.send(headers(stream, get(), false));
    requests_.back()->hold = true;
    for (int i = 0; i < 3; ++i) wire_.send(frame(kData, 0, stream, chunk));
    wire_.send(frame(kRstStream, 0, stream, number(8)));
    wire_.sent();
    ASSERT_EQ(fault_, CodecFault::kNone) << stream;
  }
}

TEST_F(H2HostileTest, ABodyShorterThanAnnouncedHasNoEnd) {
  begin();
  wire_.send(headers(1, get({{"content-length", "10"}}), false) + frame(kData, kEndStream, 1, "short"));
  expect_reset(1, kProtocolError);
  EXPECT_EQ(requests_[0]->log.find("end"), std::string::npos);
  EXPECT_EQ(requests_[0]->last_failure, Failure::kDownstreamProtocolError);
}

TEST_F(H2HostileTest, ABodyLongerThanAnnouncedHasNoEnd) {
  begin();
  wire_.send(headers(1, get({{"content-length", "3"}}), false) + frame(kData, kEndStream, 1, "longer"));
  expect_reset(1, kProtocolError);
  EXPECT_EQ(requests_[0]->log.find("end"), std::string::npos);
}

TEST_F(H2HostileTest, BodiesInPiecesAndWithPadding) {
  begin();
  std::string bytes = headers(1, get({{"content-length", "6"}}), false) + frame(kData, 0, 1, "abc") +
                      frame(kData, kEndStream | kPadded, 1, std::string("\2def\0\0", 6));
  for (const char byte : bytes) wire_.send({&byte, 1});
  EXPECT_EQ(requests_[0]->log, "head(/) body(a) body(b) body(c) body(d) body(e) body(f) body() end ");
}

TEST_F(H2HostileTest, TrailersMustEndTheMessage) {
  begin();
  wire_.send(headers(1, get(), false) + headers(1, {{"x", "1"}}, false));
  expect_reset(1, kProtocolError);
}

TEST_F(H2HostileTest, TrailersMustNotFrame) {
  begin();
  wire_.send(headers(1, get(), false) + headers(1, {{"content-length", "1"}}));
  expect_reset(1, kProtocolError);
  EXPECT_EQ(requests_[0]->last_failure, Failure::kDownstreamProtocolError);
}

TEST_F(H2HostileTest, WindowsAreKept) {
  settings_.options.initial_stream_window_size = 65535;
  settings_.options.initial_connection_window_size = 65535;
  begin();
  requests_.reserve(1);
  wire_.send(headers(1, get(), false));
  requests_[0]->hold = true;
  const std::string chunk(16384, 'x');
  for (int i = 0; i < 8; ++i) wire_.send(frame(kData, 0, 1, chunk));
  EXPECT_EQ(fault_, CodecFault::kProtocol);
  EXPECT_LE(requests_[0]->held.size(), 2 * 65535u / 16384u);
}

// ------------------------------------------------------------------------------- frames out of place

TEST_F(H2HostileTest, NoPreface) {
  begin("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  expect_goaway(kProtocolError, CodecFault::kProtocol);
}

TEST_F(H2HostileTest, DataOnAStreamThatIsOver) {
  begin();
  wire_.send(headers(1, get()));
  HeaderMap head;
  head.add(HeaderId::kStatus, "204");
  responses_[0]->send_head(head, true);
  wire_.sent();
  wire_.send(frame(kData, kEndStream, 1, "late"));
  expect_goaway(kStreamClosed, CodecFault::kProtocol);
}

TEST_F(H2HostileTest, DataThatCrossesOurResetIsIgnored) {
  begin();
  wire_.send(headers(1, get(), false));
  responses_[0]->reset(Failure::kLocalReset);
  wire_.sent();
  wire_.send(frame(kData, 0, 1, "x") + frame(kData, kEndStream, 1, "y"));
  wire_.send(headers(3, get()));
  EXPECT_EQ(fault_, CodecFault::kNone);
  EXPECT_EQ(requests_.size(), 2u);
}

TEST_F(H2HostileTest, AStreamIdThatWasSkipped) {
  begin();
  wire_.send(headers(5, get()) + headers(3, get()));
  expect_goaway(kProtocolError, CodecFault::kProtocol);
}

TEST_F(H2HostileTest, MoreStreamsThanAllowed) {
  settings_.options.max_concurrent_streams = 2;
  begin();
  wire_.sent();
  wire_.send(headers(1, get()) + headers(3, get()) + headers(5, get()));  // our SETTINGS are not acknowledged
  expect_reset(5, kRefusedStream);
  EXPECT_EQ(requests_.size(), 2u);
}

TEST_F(H2HostileTest, NothingIsTakenAfterTheLastGoaway) {
  begin();
  wire_.send(headers(1, get()));
  codec_->start_drain();
  codec_->finish_drain();
  EXPECT_EQ(answer(kGoaway).code(), kNoError);
  wire_.send(headers(3, get()));
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(H2HostileTest, FramesOfUnknownTypesAreSkipped) {
  begin();
  wire_.send(frame(static_cast<Type>(0xbe), 0xff, 0, std::string(300, '?')) + headers(1, get()));
  EXPECT_EQ(requests_.size(), 1u);
}

TEST(H2FrameWalker, FindsHeadsHoweverTheBytesAreCut) {
  const std::string bytes =
      "preface" + frame(kData, 0, 7, "12345") + frame(kHeaders, 0, 9, "") + frame(kPing, 0, 0, "12345678");
  for (size_t piece = 1; piece < bytes.size(); ++piece) {
    H2FrameWalker walker(7);
    std::string found;
    for (size_t from = 0; from < bytes.size(); from += piece) {
      const auto part = std::string_view(bytes).substr(from, piece);
      for (size_t at = 0; walker.next(part, at);)
        found += std::to_string(walker.type()) + ":" + std::to_string(walker.stream()) + " ";
    }
    EXPECT_EQ(found, "0:7 1:9 6:0 ") << piece;
  }
}

}  // namespace
}  // namespace remora
