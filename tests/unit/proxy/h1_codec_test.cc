#include <gtest/gtest.h>

#include <string>

#include "http/h1_client_codec.h"
#include "http/h1_server_codec.h"
#include "unit/proxy/codec_fakes.h"

namespace remora {
namespace {

class ServerCodecTest : public testing::Test, public ServerCodecEvents {
 protected:
  ServerCodecTest() : codec_(wire_.connection, *wire_.account, *this, settings_, heads_) {
    wire_.receive = [this](std::string_view bytes) { return codec_.receive(bytes); };
  }
  MessageEvents& on_request_stream(MessageSink& response, Protocol) override {
    response_ = &response;
    ++streams_;
    return recorder_;
  }
  MessageEvents& on_bad_request(HeadError error, MessageSink&, Protocol) override {
    refused_ = error.status;
    return recorder_;
  }
  void on_connection_failed(CodecFault) override {}
  void on_connection_finished() override {}
  void on_request_outlived(MessageEvents&) override { ++outlived_; }
  void on_stream_done(MessageEvents*, bool reusable) override {
    ++done_;
    reusable_ = reusable;
    if (reusable) wire_.connection.resume_reading();
  }
  void answer(std::string_view status, std::string_view body) {
    HeaderMap head;
    head.add(HeaderId::kStatus, status);
    response_->send_head(head, body.empty());
    if (!body.empty()) response_->send_body({body, {}}, true);
  }

  Wire wire_;
  H1ServerSettings settings_;
  Recorder recorder_;
  HeaderMapPool heads_;
  H1ServerCodec codec_;
  MessageSink* response_ = nullptr;
  int streams_ = 0;
  int done_ = 0;
  int refused_ = 0;
  int outlived_ = 0;
  bool reusable_ = false;
};

TEST_F(ServerCodecTest, AnswersAndTakesTheNext) {
  wire_.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(recorder_.log, "head(/a) end ");
  answer("200", "hi");
  EXPECT_EQ(wire_.sent(), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
  EXPECT_TRUE(reusable_);
  wire_.send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(streams_, 2);
}

TEST_F(ServerCodecTest, PipelinedRequestsWaitForTheAnswer) {
  wire_.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(streams_, 1);
  answer("204", "");
  wire_.reactor.turn(0);
  wire_.reactor.turn(0);
  EXPECT_EQ(streams_, 2);
  EXPECT_EQ(wire_.sent(), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_F(ServerCodecTest, BodiesByLengthAndByChunk) {
  wire_.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  wire_.send("llo");
  EXPECT_EQ(recorder_.log, "head(/a) body(he) body(llo) end ");
  answer("200", "");
  recorder_.log.clear();
  wire_.send(
      "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n");
  EXPECT_EQ(recorder_.log, "head(/b) body(abc) body() end ");  // trailers are not enabled
}

TEST_F(ServerCodecTest, BadChunkResetsTheRequest) {
  wire_.send("POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  EXPECT_EQ(recorder_.last_failure, Failure::kDownstreamProtocolError);
}

TEST_F(ServerCodecTest, HeadAnswersCarryNoBody) {
  wire_.send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
  HeaderMap head;
  head.add(HeaderId::kStatus, "200");
  head.add(HeaderId::kContentLength, "10");
  response_->send_head(head, false);
  response_->send_body({"0123456789", {}}, true);
  EXPECT_EQ(wire_.sent(), "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n");
  EXPECT_TRUE(reusable_);
}

TEST_F(ServerCodecTest, ClosesWhenAskedAndWhenAnsweredEarly) {
  wire_.send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  answer("200", "");
  EXPECT_EQ(wire_.sent(), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  EXPECT_FALSE(reusable_);
}

TEST_F(ServerCodecTest, RestOfAnAnsweredRequestIsReadAndForgotten) {
  wire_.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  answer("403", "");
  EXPECT_EQ(outlived_, 1);
  EXPECT_EQ(done_, 0);
  wire_.send("lloGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(done_, 1);
  EXPECT_TRUE(reusable_);
  EXPECT_EQ(recorder_.log, "head(/a) body(he) head(/b) end ");
}

TEST_F(ServerCodecTest, EarlyAnswerToALongRequestAnnouncesTheClose) {
  wire_.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\nhe");
  answer("413", "");
  EXPECT_EQ(wire_.sent(), "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(done_, 1);
  EXPECT_FALSE(reusable_);
}

TEST_F(ServerCodecTest, RefusesHugeHeads) {
  settings_.rules.limits.max_bytes = 100;
  wire_.send("GET /" + std::string(200, 'a'));
  EXPECT_EQ(refused_, 414);
}

TEST_F(ServerCodecTest, RefusesHugeFields) {
  settings_.rules.limits.max_bytes = 100;
  wire_.send("GET / HTTP/1.1\r\nHost: x\r\nx: " + std::string(200, 'a'));
  EXPECT_EQ(refused_, 431);
}

TEST_F(ServerCodecTest, UpgradeTunnelsOnlyAfter101) {
  wire_.send("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly");
  EXPECT_EQ(recorder_.log, "head(/ws) ");  // early bytes wait for the decision
  HeaderMap head;
  head.add(HeaderId::kStatus, "101");
  head.add(HeaderId::kConnection, "upgrade");
  head.add(HeaderId::kUpgrade, "websocket");
  response_->send_head(head, false);
  wire_.reactor.turn(0);
  wire_.reactor.turn(0);
  EXPECT_EQ(recorder_.log, "head(/ws) body(early) ");
  response_->send_body({"down", {}}, false);
  EXPECT_EQ(wire_.sent(),
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\ndown");
}

TEST_F(ServerCodecTest, RefusedUpgradeLeavesBytesToHttp) {
  wire_.send(
      "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /next "
      "HTTP/1.1\r\nHost: x\r\n\r\n");
  answer("403", "");
  wire_.reactor.turn(0);
  wire_.reactor.turn(0);
  EXPECT_EQ(recorder_.log, "head(/ws) head(/next) end ");
}

TEST(BackPressure, HeldCreditsStopTheReadingAndReleasedOnesResumeIt) {
  class Server final : public ServerCodecEvents {
   public:
    MessageEvents& on_request_stream(MessageSink&, Protocol) override { return recorder; }
    MessageEvents& on_bad_request(HeadError, MessageSink&, Protocol) override { return recorder; }
    void on_connection_failed(CodecFault) override {}
    void on_connection_finished() override {}
    void on_stream_done(MessageEvents*, bool) override {}
    void on_request_outlived(MessageEvents&) override {}
    Recorder recorder;
  } server;
  Wire wire(1000);
  H1ServerSettings settings;
  HeaderMapPool heads;
  H1ServerCodec codec(wire.connection, *wire.account, server, settings, heads);
  wire.receive = [&](std::string_view bytes) { return codec.receive(bytes); };
  server.recorder.hold = true;
  wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n");
  wire.send(std::string(1500, 'a'));
  EXPECT_TRUE(wire.connection.reading_paused());
  const auto seen = server.recorder.log.size();
  wire.send(std::string(1500, 'b'));
  EXPECT_EQ(server.recorder.log.size(), seen);  // nothing more is taken
  server.recorder.held.clear();
  wire.reactor.turn(0);
  wire.reactor.turn(0);
  EXPECT_GT(server.recorder.log.size(), seen);
}

class ClientCodecTest : public testing::Test, public ClientCodecEvents {
 protected:
  ClientCodecTest() : codec_(wire_.connection, *wire_.account, *this, settings_) {
    wire_.receive = [this](std::string_view bytes) { return codec_.receive(bytes); };
  }
  void on_stream_done(MessageEvents& response, StreamEnd end) override {
    EXPECT_EQ(&response, &recorder_);
    ++done_;
    reusable_ = end == StreamEnd::kReusable;
  }
  void on_going_away() override {}
  void on_capacity() override {}
  void on_connection_failed(Failure /*failure*/) override {}
  MessageSink& request(std::string_view method, bool end, std::string_view length = {}) {
    HeaderMap head;
    head.add(HeaderId::kMethod, method);
    head.add(HeaderId::kPath, "/p");
    head.add(HeaderId::kAuthority, "h");
    if (!length.empty()) head.add(HeaderId::kContentLength, length);
    auto& sink = codec_.open(recorder_);
    sink.send_head(head, end);
    return sink;
  }

  Wire wire_;
  H1ClientSettings settings_;
  Recorder recorder_;
  H1ClientCodec codec_;
  int done_ = 0;
  bool reusable_ = false;
};

TEST_F(ClientCodecTest, SendsAndReceives) {
  request("GET", true);
  EXPECT_EQ(wire_.sent(), "GET /p HTTP/1.1\r\nhost: h\r\n\r\n");
  wire_.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(recorder_.log, "head(200) body(hi) end ");
  EXPECT_TRUE(reusable_);
  EXPECT_TRUE(codec_.capacity() == 1);
}

TEST_F(ClientCodecTest, PostWithoutBodySaysSo) {
  request("POST", true);
  EXPECT_EQ(wire_.sent(), "POST /p HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n");
}

TEST_F(ClientCodecTest, UnknownLengthIsChunked) {
  auto& sink = request("POST", false);
  sink.send_body({"abc", {}}, false);
  sink.send_body({"", {}}, true);
  EXPECT_EQ(wire_.sent(),
            "POST /p HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
}

TEST_F(ClientCodecTest, AnswerBeforeTheRequestsEndIsNotReused) {
  request("POST", false);
  wire_.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(recorder_.log, "head(413) end ");
  EXPECT_FALSE(reusable_);
}

TEST_F(ClientCodecTest, InterimAnswersPassInOrder) {
  request("GET", true);
  wire_.send("HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(recorder_.log, "1xx(103) head(200) end ");
}

TEST_F(ClientCodecTest, EndlessInterimAnswersAreCut) {
  request("GET", true);
  for (int i = 0; i < 40 && recorder_.last_failure == Failure::kNone; ++i)
    wire_.send("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(recorder_.last_failure, Failure::kUpstreamProtocolError);
}

TEST_F(ClientCodecTest, EndOfConnectionEndsOnlyBodiesWithoutLength) {
  request("GET", true);
  wire_.send("HTTP/1.1 200 OK\r\n\r\nab");
  codec_.on_end();
  EXPECT_EQ(recorder_.log, "head(200) body(ab) body() end ");
  EXPECT_FALSE(reusable_);
}

TEST_F(ClientCodecTest, CutBodiesAreNeverCompleted) {
  request("GET", true);
  wire_.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
  codec_.on_end();
  EXPECT_EQ(recorder_.log, "head(200) body(ab) reset ");
}

TEST_F(ClientCodecTest, WhoHasSaidNothingMayBeAskedAgainAndWhoSaidHalfAHeadMayNot) {
  request("GET", true);
  codec_.on_end();
  EXPECT_EQ(recorder_.last_failure, Failure::kConnectionTermination);
  request("GET", true);
  wire_.send("HTTP/1.1 200 OK\r\ncont");
  codec_.on_end();
  EXPECT_EQ(recorder_.last_failure, Failure::kUpstreamProtocolError);
}

TEST_F(ClientCodecTest, ALostConnectionIsToldAsWhatItCut) {
  request("GET", true);
  codec_.on_connection_lost(Failure::kConnectionTermination);
  EXPECT_EQ(recorder_.last_failure, Failure::kConnectionTermination);
  request("GET", true);
  wire_.send("HTTP/1.1 20");
  codec_.on_connection_lost(Failure::kConnectionTermination);
  EXPECT_EQ(recorder_.last_failure, Failure::kUpstreamProtocolError);
}

TEST_F(ClientCodecTest, WhatIsMeantForATunnelWaitsForIt) {
  auto& sink = request("CONNECT", false);
  EXPECT_EQ(wire_.sent(), "CONNECT h HTTP/1.1\r\nhost: h\r\n\r\n");
  sink.send_body({"ear", {}}, false);
  sink.send_body({"ly", {}}, false);
  EXPECT_EQ(wire_.sent(), "") << "a server that refuses would read a request";
  wire_.send("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(wire_.sent(), "early");
  sink.send_body({"more", {}}, false);
  EXPECT_EQ(wire_.sent(), "more");
}

TEST_F(ClientCodecTest, WhatWasMeantForARefusedTunnelIsNobodys) {
  auto& sink = request("CONNECT", false);
  sink.send_body({"GET / HTTP/1.1", {}}, false);
  wire_.sent();
  wire_.send("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nn");
  sink.send_body({"more", {}}, true);
  wire_.send("o");
  EXPECT_EQ(wire_.sent(), "");
  EXPECT_EQ(recorder_.log, "head(407) body(n) body(o) end ");
}

TEST_F(ClientCodecTest, ABodyThatIsNotAsLongAsItsHeadSaysIsToldToWhoReads) {
  auto& sink = request("POST", false, "3");
  sink.send_body({"four", {}}, false);
  EXPECT_EQ(recorder_.last_failure, Failure::kLocalReset);
  EXPECT_FALSE(reusable_);
  auto& shorter = request("POST", false, "3");
  shorter.send_body({"ab", {}}, true);
  EXPECT_EQ(recorder_.log, "reset reset ");
}

TEST_F(ClientCodecTest, Unasked101IsAnError) {
  request("GET", true);
  wire_.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n");
  EXPECT_EQ(recorder_.last_failure, Failure::kUpstreamProtocolError);
}

}  // namespace
}  // namespace remora
