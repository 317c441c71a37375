// The HTTP/2 client codec against what no honest server sends.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/h2_client_codec.h"
#include "stats/http2_stats.h"
#include "unit/proxy/codec_fakes.h"
#include "unit/proxy/h2_frames.h"

namespace remora {
namespace {

using namespace h2;  // NOLINT: the frames are this file's words

class H2HostileServerTest : public testing::Test, public ClientCodecEvents {
 protected:
  H2HostileServerTest() : stats_(http2_stat_schema()) {
    settings_.stats = &stats_;
    settings_.options.stream_error_on_invalid_http_messaging = true;
  }
  void begin() {
    codec_ = std::make_unique<H2ClientCodec>(wire_.connection, wire_.reactor, *this, settings_);
    wire_.receive = [this](std::string_view bytes) { return codec_->receive(bytes); };
    wire_.send(frame(kSettings, 0, 0, ""));
    wire_.sent();
  }
  MessageSink& open(std::string_view method = "GET", bool end = true) {
    answers_.push_back(std::make_unique<Recorder>());
    HeaderMap head;
    head.add(HeaderId::kMethod, method);
    head.add(HeaderId::kPath, "/");
    head.add(HeaderId::kAuthority, "a");
    auto& sink = codec_->open(*answers_.back());
    sink.send_head(head, end);
    wire_.sent();
    return sink;
  }
  void on_stream_done(MessageEvents& response, StreamEnd end) override {
    ends_[&response] = end;
    if (open_next_) open_next_();
  }
  void on_going_away() override { ++going_away_; }
  void on_capacity() override { ++capacities_; }
  void on_connection_failed(Failure failure) override {
    failure_ = failure;
    codec_->on_connection_lost(failure);
  }
  StreamEnd end_of(size_t which) { return ends_.at(answers_[which].get()); }
  const Recorder& answer(size_t which = 0) { return *answers_[which]; }
  Frame reply(Type type) {
    for (auto& one : parse(wire_.sent())) {
      if (one.type == type) return one;
    }
    ADD_FAILURE() << "no frame of type " << type;
    return {};
  }

  Wire wire_;
  StatBlock stats_;
  H2Settings settings_;
  std::unique_ptr<H2ClientCodec> codec_;
  std::vector<std::unique_ptr<Recorder>> answers_;
  std::map<MessageEvents*, StreamEnd> ends_;
  std::function<void()> open_next_;
  int going_away_ = 0;
  int capacities_ = 0;
  Failure failure_ = Failure::kNone;
};

class H2BadAnswerTest : public H2HostileServerTest, public testing::WithParamInterface<Fields> {};

TEST_P(H2BadAnswerTest, ResetsItsStreamOnly) {
  begin();
  open();
  open();
  wire_.send(headers(1, GetParam(), false));
  EXPECT_EQ(answer().last_failure, Failure::kUpstreamProtocolError);
  EXPECT_EQ(end_of(0), StreamEnd::kProtocolError);
  EXPECT_EQ(reply(kRstStream).code(), kProtocolError);
  wire_.send(headers(3, {{":status", "200"}}));
  EXPECT_EQ(answer(1).log, "head(200) end ");
  EXPECT_EQ(stats_.value(kHttp2RxMessagingError), 1u);
}

TEST_P(H2BadAnswerTest, EndsTheConnectionWhereTheOptionsSaySo) {
  settings_.options.stream_error_on_invalid_http_messaging = false;
  begin();
  open();
  open();
  wire_.send(headers(1, GetParam(), false));
  EXPECT_EQ(failure_, Failure::kUpstreamProtocolError);
  EXPECT_EQ(answer(0).last_failure, Failure::kUpstreamProtocolError);
  EXPECT_EQ(answer(1).last_failure, Failure::kUpstreamProtocolError);
  EXPECT_EQ(codec_->capacity(), 0u);
  EXPECT_EQ(reply(kGoaway).code(), kProtocolError);
}

INSTANTIATE_TEST_SUITE_P(Answers, H2BadAnswerTest,
                         testing::Values(Fields{{"x", "1"}}, Fields{{":status", "20"}},
                                         Fields{{":status", "abc"}}, Fields{{":status", "101"}},
                                         Fields{{":status", "200"}, {":status", "200"}},
                                         Fields{{":status", "200"}, {":path", "/"}},
                                         Fields{{":status", "200"}, {"connection", "close"}},
                                         Fields{{":status", "200"}, {"transfer-encoding", "chunked"}},
                                         Fields{{":status", "200"}, {"x", "a\nb"}},
                                         Fields{{":status", "200"}, {"content-length", "x"}}));

TEST_F(H2HostileServerTest, RefusedStreamsAreToldApart) {
  begin();
  open();
  open();
  wire_.send(frame(kRstStream, 0, 1, number(7)) + frame(kRstStream, 0, 3, number(2)));
  EXPECT_EQ(answer(0).last_failure, Failure::kRefusedStream);
  EXPECT_EQ(end_of(0), StreamEnd::kRefused);
  EXPECT_EQ(answer(1).last_failure, Failure::kUpstreamReset);
  EXPECT_EQ(end_of(1), StreamEnd::kCutRemotely);
  EXPECT_EQ(stats_.value(kHttp2RxReset), 2u);
}

TEST_F(H2HostileServerTest, StreamsAboveAGoawayWereNotTouched) {
  begin();
  open();
  open();
  wire_.send(frame(kGoaway, 0, 0, number(1) + number(0)));
  EXPECT_EQ(going_away_, 1);
  EXPECT_EQ(codec_->capacity(), 0u);
  EXPECT_EQ(answer(1).last_failure, Failure::kRefusedStream);
  wire_.send(headers(1, {{":status", "200"}}));
  EXPECT_EQ(answer(0).log, "head(200) end ");
  wire_.send(frame(kGoaway, 0, 0, number(1) + number(0)));
  EXPECT_EQ(going_away_, 1);
}

TEST_F(H2HostileServerTest, ARequestThatFindsNoRoomAnyMoreIsRefusedHere) {
  begin();
  auto& sink = codec_->open(*answers_.emplace_back(std::make_unique<Recorder>()));
  wire_.send(frame(kGoaway, 0, 0, number(0) + number(0)));
  HeaderMap head;
  head.add(HeaderId::kMethod, "GET");
  head.add(HeaderId::kPath, "/");
  sink.send_head(head, true);
  wire_.sent();
  EXPECT_EQ(answer().last_failure, Failure::kRefusedStream);
  EXPECT_EQ(codec_->active_streams(), 0u);
}

TEST_F(H2HostileServerTest, FewerStreamsAllowedThanAreOpen) {
  begin();
  for (int i = 0; i < 5; ++i) open();
  const int before = capacities_;
  wire_.send(frame(kSettings, 0, 0, std::string("\0\3", 2) + number(2)));
  EXPECT_EQ(capacities_, before + 1);
  EXPECT_EQ(codec_->capacity(), 0u);
  for (uint32_t stream = 1; stream < 8; stream += 2) wire_.send(headers(stream, {{":status", "200"}}));
  EXPECT_EQ(codec_->capacity(), 1u);
}

TEST_F(H2HostileServerTest, PushesAreAProtocolError) {
  begin();
  open();
  wire_.send(frame(kPushPromise, kEndHeaders, 1, number(2) + section(get())));
  EXPECT_EQ(failure_, Failure::kUpstreamProtocolError);
  EXPECT_EQ(answer().last_failure, Failure::kUpstreamProtocolError);
}

TEST_F(H2HostileServerTest, AHugeHeadCostsItsStream) {
  settings_.limits.max_fields = 10;
  begin();
  open();
  Fields fields = {{":status", "200"}};
  for (int i = 0; i < 20; ++i) fields.emplace_back("x", "y");
  wire_.send(headers(1, fields));
  EXPECT_EQ(answer().last_failure, Failure::kUpstreamHeadersTooLarge);
  EXPECT_EQ(stats_.value(kHttp2HeaderOverflow), 1u);
  EXPECT_EQ(failure_, Failure::kNone);
}

TEST_F(H2HostileServerTest, EndlessInterimAnswers) {
  begin();
  open();
  for (int i = 0; i < 40; ++i) wire_.send(headers(1, {{":status", "103"}}, false));
  EXPECT_EQ(answer().last_failure, Failure::kUpstreamProtocolError);
}

TEST_F(H2HostileServerTest, AnInterimAnswerIsNoEnd) {
  begin();
  open();
  wire_.send(headers(1, {{":status", "100"}}, true));
  EXPECT_EQ(answer().last_failure, Failure::kUpstreamProtocolError);
}

TEST_F(H2HostileServerTest, BodiesThatAreNotAsLongAsAnnounced) {
  begin();
  open();
  open();
  wire_.send(headers(1, {{":status", "200"}, {"content-length", "5"}}, false) +
             frame(kData, kEndStream, 1, "abc"));
  wire_.send(headers(3, {{":status", "200"}, {"content-length", "2"}}, false) + frame(kData, 0, 3, "abc"));
  for (const size_t which : {0u, 1u}) {
    EXPECT_EQ(answer(which).last_failure, Failure::kUpstreamProtocolError);
    EXPECT_EQ(answer(which).log.find("end"), std::string::npos);
  }
}

TEST_F(H2HostileServerTest, AnAnswerToHeadMayAnnounceABody) {
  begin();
  open("HEAD");
  wire_.send(headers(1, {{":status", "200"}, {"content-length", "5"}}));
  EXPECT_EQ(answer().log, "head(200) end ");
}

TEST_F(H2HostileServerTest, AnAnswerBeforeTheRequestsEndCancelsTheRest) {
  begin();
  open("POST", false);
  wire_.send(headers(1, {{":status", "200"}}));
  EXPECT_EQ(answer().log, "head(200) end ");
  EXPECT_EQ(end_of(0), StreamEnd::kReusable);
  EXPECT_EQ(reply(kRstStream).code(), kCancel);
}

TEST_F(H2HostileServerTest, FloodsOfAServerEndItsConnection) {
  begin();
  open();
  wire_.send(headers(1, {{":status", "200"}}, false) + frame(kData, 0, 1, "") + frame(kData, 0, 1, ""));
  EXPECT_EQ(failure_, Failure::kUpstreamProtocolError);
  EXPECT_EQ(stats_.value(kHttp2InboundEmptyFramesFlood), 1u);
}

TEST_F(H2HostileServerTest, StreamsMayBeOpenedFromWithinTheEndOfOthers) {
  begin();
  open();
  open_next_ = [this] {
    if (answers_.size() > 5) return;
    answers_.push_back(std::make_unique<Recorder>());
    HeaderMap head;
    head.add(HeaderId::kMethod, "GET");
    head.add(HeaderId::kPath, "/");
    codec_->open(*answers_.back()).send_head(head, true);
  };
  for (uint32_t stream = 1; stream < 12; stream += 2) wire_.send(headers(stream, {{":status", "200"}}));
  EXPECT_EQ(answers_.size(), 6u);
  for (const auto& one : answers_) EXPECT_EQ(one->log, "head(200) end ");
}

TEST_F(H2HostileServerTest, TheConnectionMayBeClosedFromWithin) {
  begin();
  open();
  open();
  open_next_ = [this] {
    open_next_ = nullptr;
    wire_.connection.close();
    codec_->on_connection_lost(Failure::kLocalReset);
  };
  wire_.send(headers(1, {{":status", "200"}}) + headers(3, {{":status", "200"}}));
  EXPECT_EQ(answer(0).log, "head(200) end ");
  EXPECT_EQ(answer(1).last_failure, Failure::kLocalReset);
  EXPECT_EQ(codec_->active_streams(), 0u);
}

}  // namespace
}  // namespace remora
