// The two HTTP/2 codecs talking to one another over a socket pair: what one end is told to send, the other
// hears.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "http/h2_client_codec.h"
#include "http/h2_server_codec.h"
#include "stats/http2_stats.h"
#include "unit/proxy/codec_fakes.h"

namespace remora {
namespace {

/// One end of the pair.
class End : public ConnectionOwner {
 public:
  End(Reactor& reactor, int fd) : connection(reactor, *this), stats(http2_stat_schema()) {
    connection.adopt(fd);
    settings.stats = &stats;
  }
  virtual ~End() = default;
  size_t on_bytes(std::string_view bytes) override { return receive(bytes); }
  void on_end() override {}
  void on_error(int) override {}
  void on_written(size_t, bool) override { written(); }
  virtual size_t receive(std::string_view bytes) = 0;
  virtual void written() = 0;

  Connection connection;
  StatBlock stats;
  H2Settings settings;
};

class ServerEnd final : public End, public ServerCodecEvents {
 public:
  using End::End;
  size_t receive(std::string_view bytes) override { return codec ? codec->receive(bytes) : bytes.size(); }
  void written() override {
    if (codec) codec->on_output_sent();
  }
  MessageEvents& on_request_stream(MessageSink& response, Protocol protocol) override {
    EXPECT_EQ(protocol, Protocol::kHttp2);
    requests.push_back(std::make_unique<Recorder>());
    requests.back()->hold = hold;
    responses.push_back(&response);
    return *requests.back();
  }
  MessageEvents& on_bad_request(HeadError error, MessageSink& response, Protocol) override {
    refused = error.detail;
    requests.push_back(std::make_unique<Recorder>());
    responses.push_back(&response);
    return *requests.back();
  }
  void on_stream_done(MessageEvents*, bool) override { ++done; }
  void on_request_outlived(MessageEvents&) override {}
  void on_connection_failed(CodecFault why) override { fault = why; }
  void on_connection_finished() override { finished = true; }

  std::unique_ptr<H2ServerCodec> codec;
  std::vector<std::unique_ptr<Recorder>> requests;
  std::vector<MessageSink*> responses;
  std::string refused;
  int done = 0;
  bool hold = false;
  bool finished = false;
  CodecFault fault = CodecFault::kNone;
};

class ClientEnd final : public End, public ClientCodecEvents {
 public:
  using End::End;
  size_t receive(std::string_view bytes) override { return codec->receive(bytes); }
  void written() override { codec->on_output_sent(); }
  void on_stream_done(MessageEvents&, StreamEnd end) override { ends.push_back(end); }
  void on_going_away() override { going_away = true; }
  void on_capacity() override { ++capacities; }
  void on_connection_failed(Failure why) override { failure = why; }

  std::unique_ptr<H2ClientCodec> codec;
  std::vector<StreamEnd> ends;
  bool going_away = false;
  int capacities = 0;
  Failure failure = Failure::kNone;
};

HeaderMap request(std::string_view method = "GET",
                  const std::vector<std::pair<std::string, std::string>>& more = {}) {
  HeaderMap head;
  head.add(HeaderId::kMethod, method);
  head.add(HeaderId::kPath, "/p");
  head.add(HeaderId::kAuthority, "h.test");
  for (const auto& [name, value] : more) head.add(name, value);
  return head;
}

HeaderMap response(std::string_view status = "200",
                   const std::vector<std::pair<std::string, std::string>>& more = {}) {
  HeaderMap head;
  head.add(HeaderId::kStatus, status);
  for (const auto& [name, value] : more) head.add(name, value);
  return head;
}

class H2PairTest : public testing::Test {
 protected:
  H2PairTest() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (const int fd : fds) fcntl(fd, F_SETFL, O_NONBLOCK);
    server = std::make_unique<ServerEnd>(reactor, fds[0]);
    client = std::make_unique<ClientEnd>(reactor, fds[1]);
  }
  void begin() {
    server->codec = std::make_unique<H2ServerCodec>(server->connection, reactor, *server, server->settings);
    client->codec = std::make_unique<H2ClientCodec>(client->connection, reactor, *client, client->settings);
    turns();
  }
  void turns(int count = 6) {
    for (int i = 0; i < count; ++i) reactor.turn(0);
  }
  MessageSink& send(const HeaderMap& head, bool end) {
    auto& sink = client->codec->open(answer);
    sink.send_head(head, end);
    return sink;
  }

  Reactor reactor;
  std::unique_ptr<ServerEnd> server;
  std::unique_ptr<ClientEnd> client;
  Recorder answer;
};

TEST_F(H2PairTest, CarriesARequestAndItsAnswer) {
  begin();
  send(request("GET", {{"x-a", "1"}}), true);
  turns();
  ASSERT_EQ(server->requests.size(), 1u);
  EXPECT_EQ(server->requests[0]->log, "head(/p) end ");
  EXPECT_EQ(server->requests[0]->fields, ":method=GET\n:scheme=http\n:path=/p\n:authority=h.test\nx-a=1\n");
  server->responses[0]->send_head(response("200", {{"content-type", "text/plain"}}), false);
  server->responses[0]->send_body({"hello", {}}, true);
  turns();
  EXPECT_EQ(answer.log, "head(200) body(hello) end ");
  EXPECT_EQ(client->ends, std::vector<StreamEnd>{StreamEnd::kReusable});
  EXPECT_EQ(server->done, 1);
  EXPECT_EQ(client->codec->active_streams(), 0u);
  EXPECT_FALSE(server->codec->busy());
}

TEST_F(H2PairTest, TrailersTravelBothWays) {
  begin();
  auto& sink = send(request("POST"), false);
  sink.send_body({"abc", {}}, false);
  HeaderMap trailers;
  trailers.add("x-sum", "1");
  sink.send_trailers(trailers);
  turns();
  EXPECT_EQ(server->requests[0]->log, "head(/p) body(abc) trailers(1) end ");
  server->responses[0]->send_head(response(), false);
  turns();
  server->responses[0]->send_body({"x", {}}, false);
  turns();
  server->responses[0]->send_trailers(trailers);
  turns();
  EXPECT_EQ(answer.log, "head(200) body(x) trailers(1) end ");
  EXPECT_EQ(server->done, 1);
  EXPECT_EQ(server->stats.value(kHttp2Trailers), 1u);
}

TEST_F(H2PairTest, ManyStreamsAtOnce) {
  begin();
  std::vector<Recorder> answers(50);
  for (auto& one : answers) client->codec->open(one).send_head(request(), true);
  turns();
  ASSERT_EQ(server->requests.size(), 50u);
  for (size_t i = 50; i-- > 0;) {
    server->responses[i]->send_head(response(), false);
    server->responses[i]->send_body({std::to_string(i), {}}, true);
  }
  turns();
  for (size_t i = 0; i < 50; ++i) EXPECT_EQ(answers[i].log, "head(200) body(" + std::to_string(i) + ") end ");
  EXPECT_EQ(server->stats.value(kHttp2StreamsActive), 0u);
  EXPECT_EQ(client->stats.value(kHttp2StreamsActive), 0u);
}

TEST_F(H2PairTest, CookieCrumbsBecomeOneField) {
  begin();
  send(request("GET", {{"cookie", "a=1"}, {"cookie", "b=2"}, {"x", "y"}}), true);
  turns();
  EXPECT_EQ(server->requests[0]->fields,
            ":method=GET\n:scheme=http\n:path=/p\n:authority=h.test\nx=y\ncookie=a=1; b=2\n");
}

TEST_F(H2PairTest, FieldsOfAConnectionStayWithTheirConnection) {
  begin();
  send(request("GET", {{"keep-alive", "5"},
                       {"proxy-connection", "x"},
                       {"transfer-encoding", "chunked"},
                       {"te", "gzip"},
                       {"host", "other"}}),
       true);
  send(request("GET", {{"te", "trailers"}}), true);
  turns();
  ASSERT_EQ(server->requests.size(), 2u);
  EXPECT_EQ(server->requests[0]->fields, ":method=GET\n:scheme=http\n:path=/p\n:authority=h.test\n");
  EXPECT_EQ(server->requests[1]->fields,
            ":method=GET\n:scheme=http\n:path=/p\n:authority=h.test\nte=trailers\n");
}

TEST_F(H2PairTest, AnUpgradeIsAnExtendedConnectOnTheWire) {
  server->settings.options.allow_connect = true;
  begin();
  auto& sink = send(request("GET", {{"upgrade", "websocket"}, {"connection", "upgrade"}}), false);
  turns();
  EXPECT_EQ(
      server->requests[0]->fields,
      ":method=GET\n:scheme=http\n:path=/p\n:authority=h.test\nupgrade=websocket\nconnection=upgrade\n");
  server->responses[0]->send_head(response("101", {{"upgrade", "websocket"}, {"connection", "upgrade"}}),
                                  false);
  turns();
  EXPECT_EQ(answer.fields, ":status=101\nupgrade=websocket\nconnection=upgrade\n");
  sink.send_body({"ping", {}}, false);
  server->responses[0]->send_body({"pong", {}}, false);
  turns();
  EXPECT_EQ(server->requests[0]->log, "head(/p) body(ping) ");
  EXPECT_EQ(answer.log, "head(101) body(pong) ");
}

TEST_F(H2PairTest, PlainConnect) {
  begin();
  send(request("CONNECT"), false).send_body({"x", {}}, false);
  turns();
  EXPECT_EQ(server->requests[0]->fields, ":method=CONNECT\n:authority=h.test\n");
  server->responses[0]->send_head(response(), false);
  server->responses[0]->send_body({"y", {}}, false);
  turns();
  EXPECT_EQ(answer.log, "head(200) body(y) ");
}

TEST_F(H2PairTest, InterimAnswersPassInOrder) {
  begin();
  send(request(), true);
  turns();
  server->responses[0]->send_informational(response("103"));
  server->responses[0]->send_head(response(), true);
  turns();
  EXPECT_EQ(answer.log, "1xx(103) head(200) end ");
}

TEST_F(H2PairTest, AnswersWithoutABodyHaveNone) {
  begin();
  send(request("HEAD"), true);
  turns();
  server->responses[0]->send_head(response("200", {{"content-length", "5"}}), false);
  server->responses[0]->send_body({"hello", {}}, true);
  turns();
  EXPECT_EQ(answer.log, "head(200) body() end ");
}

TEST_F(H2PairTest, ResetsReachTheOtherEnd) {
  begin();
  auto& sink = send(request(), true);
  send(request(), true);
  turns();
  sink.reset(Failure::kLocalReset);
  EXPECT_EQ(client->ends, std::vector<StreamEnd>{StreamEnd::kCutLocally});
  server->responses[1]->reset(Failure::kLocalReset);
  turns();
  EXPECT_EQ(server->requests[0]->last_failure, Failure::kDownstreamReset);
  EXPECT_EQ(answer.last_failure, Failure::kUpstreamReset);
  EXPECT_EQ(client->ends.back(), StreamEnd::kCutRemotely);
  EXPECT_EQ(server->stats.value(kHttp2RxReset), 1u);
  EXPECT_EQ(server->stats.value(kHttp2TxReset), 1u);
  EXPECT_EQ(server->done, 2);
}

TEST_F(H2PairTest, HalfAnAnswerGoesOutBeforeItsReset) {
  begin();
  send(request(), true);
  turns();
  server->responses[0]->send_head(response(), false);
  server->responses[0]->send_body({"half", {}}, false);
  server->responses[0]->reset(Failure::kLocalReset);
  EXPECT_EQ(server->done, 1);
  turns();
  EXPECT_EQ(answer.log, "head(200) body(half) reset ");
  EXPECT_EQ(server->stats.value(kHttp2PendingSendBytes), 0u);
  EXPECT_EQ(server->stats.value(kHttp2StreamsActive), 0u);
}

TEST_F(H2PairTest, AnAnswerBeforeTheRequestsEndEndsTheStream) {
  begin();
  send(request("POST"), false);
  turns();
  server->responses[0]->send_head(response("413"), true);
  turns();
  EXPECT_EQ(answer.log, "head(413) end ");
  EXPECT_EQ(server->done, 1);
  EXPECT_EQ(client->ends, std::vector<StreamEnd>{StreamEnd::kReusable});
  send(request(), true);  // and the connection goes on
  turns();
  EXPECT_EQ(server->requests.size(), 2u);
}

TEST_F(H2PairTest, CreditsHoldTheSenderBack) {
  server->settings.options.initial_stream_window_size = 65535;
  server->hold = true;
  begin();
  auto& sink = send(request("POST"), false);
  const std::string chunk(16 * 1024, 'b');
  for (int i = 0; i < 20; ++i) sink.send_body({chunk, {}}, i == 19);
  turns(20);
  auto& arrived = *server->requests[0];
  size_t bytes = 0;
  for (const auto& credit : arrived.held) bytes += credit.bytes();
  EXPECT_LE(bytes, 65535u + 65535u / 2);  // a window, and what was announced as read below the limit
  EXPECT_GT(client->stats.value(kHttp2PendingSendBytes), 0u);
  for (int i = 0; i < 40 && arrived.log.find("end") == std::string::npos; ++i) {
    arrived.held.clear();
    turns(4);
  }
  EXPECT_NE(arrived.log.find("end "), std::string::npos);
  EXPECT_EQ(client->stats.value(kHttp2PendingSendBytes), 0u);
}

TEST_F(H2PairTest, ASlowStreamDoesNotStopTheOthers) {
  server->hold = true;
  server->settings.options.initial_stream_window_size = 65535;
  begin();
  auto& slow = send(request("POST"), false);
  slow.send_body({std::string(200000, 's'), {}}, true);
  turns(10);
  server->hold = false;
  send(request("POST"), false).send_body({"quick", {}}, true);
  turns();
  ASSERT_EQ(server->requests.size(), 2u);
  EXPECT_EQ(server->requests[1]->log, "head(/p) body(quick) end ");
}

TEST_F(H2PairTest, SentBytesGiveTheirCreditsBack) {
  begin();
  send(request(), true);
  turns();
  auto* account = CreditAccount::make(nullptr, 1000);
  server->responses[0]->send_head(response(), false);
  const std::string text(500, 'x');
  for (int i = 0; i < 4; ++i) server->responses[0]->send_body({text, Credit(*account, 500)}, false);
  EXPECT_TRUE(account->exhausted());
  turns();
  EXPECT_TRUE(account->idle());
  account->release_reference();
}

TEST_F(H2PairTest, CapacityFollowsThePeersSettings) {
  server->settings.options.max_concurrent_streams = 3;
  client->codec = std::make_unique<H2ClientCodec>(client->connection, reactor, *client, client->settings);
  EXPECT_EQ(client->codec->capacity(), 100u);  // until the server has said how many
  server->codec = std::make_unique<H2ServerCodec>(server->connection, reactor, *server, server->settings);
  turns();
  EXPECT_EQ(client->capacities, 1);
  EXPECT_EQ(client->codec->capacity(), 3u);
  send(request(), true);
  EXPECT_EQ(client->codec->capacity(), 2u);
}

TEST_F(H2PairTest, DrainTakesWhatIsUnderWayAndNothingElse) {
  begin();
  send(request(), true);
  turns();
  server->codec->start_drain();
  turns();
  EXPECT_TRUE(client->going_away);
  EXPECT_EQ(client->codec->capacity(), 0u);
  server->codec->finish_drain();
  turns();
  EXPECT_FALSE(server->finished);
  server->responses[0]->send_head(response(), true);
  turns();
  EXPECT_EQ(answer.log, "head(200) end ");
  EXPECT_TRUE(server->finished);
}

TEST_F(H2PairTest, AFinishedAnswerThatIsNotFetchedIsGivenUp) {
  client->settings.options.initial_stream_window_size = 65535;
  server->settings.flush_timeout = Milliseconds(20);
  begin();
  answer.hold = true;
  send(request(), true);
  turns();
  server->responses[0]->send_head(response(), false);
  server->responses[0]->send_body({std::string(300000, 'x'), {}}, true);
  for (int i = 0; i < 200 && server->done == 0; ++i) reactor.turn(5);
  EXPECT_EQ(server->stats.value(kHttp2TxFlushTimeout), 1u);
  EXPECT_EQ(server->stats.value(kHttp2PendingSendBytes), 0u);
}

TEST_F(H2PairTest, PingsAreAnswered) {
  client->settings.options.keepalive_interval = Milliseconds(2);
  client->settings.options.keepalive_timeout = Milliseconds(500);
  begin();
  const auto before = client->connection.unsent();
  for (int i = 0; i < 10; ++i) reactor.turn(5);
  EXPECT_EQ(client->failure, Failure::kNone);
  EXPECT_EQ(client->connection.unsent(), before);
}

TEST_F(H2PairTest, APeerThatAnswersNoPingsIsGivenUp) {
  client->settings.options.keepalive_interval = Milliseconds(2);
  client->settings.options.keepalive_timeout = Milliseconds(10);
  client->codec = std::make_unique<H2ClientCodec>(client->connection, reactor, *client, client->settings);
  for (int i = 0; i < 200 && client->failure == Failure::kNone; ++i) reactor.turn(5);
  EXPECT_EQ(client->failure, Failure::kConnectionTermination);
  EXPECT_EQ(client->stats.value(kHttp2KeepaliveTimeout), 1u);
  EXPECT_EQ(client->codec->capacity(), 0u);
}

}  // namespace
}  // namespace remora
