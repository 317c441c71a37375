// Both HTTP/2 codecs under frames that are nearly right, in any order, cut anywhere, while the other side of
// the seam does what it likes. Seeded, so that a failure repeats; meant to be run with sanitizers.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "http/h2_client_codec.h"
#include "http/h2_server_codec.h"
#include "remora/core/random.h"
#include "stats/http2_stats.h"
#include "unit/proxy/codec_fakes.h"
#include "unit/proxy/h2_frames.h"

namespace remora {
namespace {

using namespace h2;  // NOLINT: the frames are this file's words

constexpr int kRounds = 1500;

/// Frames as a drunken peer would send them.
class Noise {
 public:
  explicit Noise(uint64_t seed) : random_(seed) {}

  bool chance(uint64_t one_in) { return random_.below(one_in) == 0; }
  size_t below(size_t bound) { return random_.below(bound); }

  /// Mostly what could be said now; now and then what could not.
  std::string next(bool request) {
    std::string bytes = sensible(request);
    if (chance(80)) bytes[below(bytes.size())] = static_cast<char>(below(256));
    if (chance(300)) bytes.resize(below(bytes.size()));
    return bytes;
  }

 private:
  uint32_t some_stream() {
    if (chance(30)) return static_cast<uint32_t>(below(40));
    return 1 + 2 * static_cast<uint32_t>(below(std::max<size_t>(opened_, 1)));
  }

  std::string sensible(bool request) {
    const auto stream = some_stream();
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        if (request && !chance(20))
          return headers(1 + 2 * static_cast<uint32_t>(++opened_), head(true), chance(5));
        if (!request) opened_ = std::min<size_t>(opened_ + 1, 8);
        return headers(stream, head(request), chance(2));
      case 3:
      case 4:
      case 5: return frame(kData, chance(8) ? kEndStream : 0, stream, std::string(below(3000), 'd'));
      case 6: return frame(kRstStream, 0, stream, number(static_cast<uint32_t>(below(14))));
      case 7:
        return frame(kWindowUpdate, 0, chance(2) ? 0 : stream,
                     number(1 + static_cast<uint32_t>(below(90000))));
      case 8: return frame(kSettings, 0, 0, "");
      case 9: return frame(kPing, chance(3) ? kAck : 0, 0, "12345678");
      case 10: return headers(stream, {{"x-trailer", "1"}}, true);
      default:
        if (!chance(20)) return frame(kPing, 0, 0, "87654321");
        return chance(3) ? frame(kGoaway, 0, 0, number(static_cast<uint32_t>(below(9))) + number(0))
                         : frame(static_cast<Type>(below(14)), static_cast<uint8_t>(below(256)), stream,
                                 std::string(below(20), '\0'));
    }
  }
  Fields head(bool request) {
    Fields fields = request ? get() : Fields{{":status", chance(4) ? "103" : "200"}};
    if (chance(9)) fields.emplace_back("content-length", std::to_string(below(4000)));
    if (chance(60)) fields.emplace_back("connection", "close");
    if (chance(3)) fields.emplace_back("cookie", std::string(below(200), 'c'));
    return fields;
  }

  Random random_;
  size_t opened_ = 0;
};

HeaderMap some_head(bool request) {
  HeaderMap head;
  if (request) {
    head.add(HeaderId::kMethod, "POST");
    head.add(HeaderId::kPath, "/");
    head.add(HeaderId::kAuthority, "a");
  } else {
    head.add(HeaderId::kStatus, "200");
  }
  return head;
}

/// A message being sent at random: what the exchange would do.
class Sender {
 public:
  Sender(MessageSink& sink, bool request) : sink_(&sink), request_(request) {}
  [[nodiscard]] bool over() const { return sink_ == nullptr; }
  void forget() { sink_ = nullptr; }

  void act(Noise& noise) {
    if (sink_ == nullptr) return;
    if (!head_sent_) {
      head_sent_ = true;
      const bool end = noise.chance(4);
      if (end)
        std::exchange(sink_, nullptr)->send_head(some_head(request_), true);
      else
        sink_->send_head(some_head(request_), false);
      return;
    }
    switch (noise.below(5)) {
      case 0: std::exchange(sink_, nullptr)->reset(Failure::kLocalReset); break;
      case 1: std::exchange(sink_, nullptr)->send_body({"end", {}}, true); break;
      case 2: {
        HeaderMap trailers;
        trailers.add("x-end", "1");
        std::exchange(sink_, nullptr)->send_trailers(trailers);
        break;
      }
      default: sink_->send_body({std::string(noise.below(50000), 'b'), {}}, false); break;
    }
  }

 private:
  MessageSink* sink_;
  bool request_;
  bool head_sent_ = false;
};

/// One message from each side: reads what comes, holds credits for a while, sends what it likes.
struct Party final : public MessageEvents {
  explicit Party(Noise& what) : noise(what) {}
  void on_informational(HeaderMap&) override { EXPECT_FALSE(ended); }
  void on_head(HeaderMap&, bool end) override { note(end); }
  void on_body(BodyChunk chunk, bool end) override {
    note(end);
    if (noise.chance(2)) held.push_back(std::move(chunk.credit));
  }
  void on_trailers(HeaderMap&) override { note(true); }
  void on_reset(Failure failure) override {
    EXPECT_NE(failure, Failure::kNone);
    EXPECT_FALSE(std::exchange(cut, true));
    ended = true;
    if (sender) sender->forget();
  }
  void note(bool end) {
    EXPECT_FALSE(ended) << "only a reset follows an end";
    ended = ended || end;
  }

  Noise& noise;
  std::unique_ptr<Sender> sender;
  std::vector<Credit> held;
  bool ended = false;
  bool cut = false;
};

class FuzzedServer final : public ServerCodecEvents {
 public:
  explicit FuzzedServer(Noise& noise) : noise_(noise) {}
  MessageEvents& on_request_stream(MessageSink& response, Protocol) override {
    auto& party = *parties.emplace_back(std::make_unique<Party>(noise_));
    party.sender = std::make_unique<Sender>(response, false);
    ++open;
    return party;
  }
  MessageEvents& on_bad_request(HeadError, MessageSink& response, Protocol protocol) override {
    auto& events = on_request_stream(response, protocol);
    static_cast<Party&>(events).sender->forget();
    response.send_head(some_head(false), true);
    return events;
  }
  void on_stream_done(MessageEvents* request, bool) override {
    ASSERT_NE(request, nullptr);
    static_cast<Party*>(request)->sender->forget();
    --open;
  }
  void on_request_outlived(MessageEvents&) override { FAIL(); }
  void on_connection_failed(CodecFault) override { failed = true; }
  void on_connection_finished() override {}

  std::vector<std::unique_ptr<Party>> parties;
  int open = 0;
  bool failed = false;

 private:
  Noise& noise_;
};

class FuzzedClient final : public ClientCodecEvents {
 public:
  void on_stream_done(MessageEvents& response, StreamEnd) override {
    static_cast<Party&>(response).sender->forget();
    --open;
  }
  void on_going_away() override {}
  void on_capacity() override {}
  void on_connection_failed(Failure failure) override {
    failed = true;
    codec->on_connection_lost(failure);
    open = 0;
  }
  H2ClientCodec* codec = nullptr;
  int open = 0;
  bool failed = false;
};

void feed(Wire& wire, Noise& noise, std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t size = noise.chance(4) ? 1 + noise.below(bytes.size()) : bytes.size();
    wire.send(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  wire.sent();
}

H2Settings settings_for(Noise& noise, StatBlock& stats) {
  H2Settings settings;
  settings.stats = &stats;
  settings.options.initial_stream_window_size = 65535;
  settings.options.stream_error_on_invalid_http_messaging = noise.chance(2);
  settings.options.max_consecutive_inbound_frames_with_empty_payload = 100;
  settings.options.max_inbound_window_update_frames_per_data_frame_sent = 1000;
  return settings;
}

TEST(H2Fuzz, Server) {
  uint64_t requests = 0;
  for (int round = 0; round < kRounds; ++round) {
    Noise noise(static_cast<uint64_t>(round) + 1);
    StatBlock stats(http2_stat_schema());
    const auto settings = settings_for(noise, stats);
    FuzzedServer server(noise);
    {
      Wire wire;
      H2ServerCodec codec(wire.connection, wire.reactor, server, settings);
      wire.receive = [&](std::string_view bytes) { return codec.receive(bytes); };
      feed(wire, noise, std::string(kPreface) + frame(kSettings, 0, 0, ""));
      for (int step = 0; step < 60 && !server.failed; ++step) {
        feed(wire, noise, noise.next(true));
        for (auto& party : server.parties) {
          if (noise.chance(4)) party->sender->act(noise);
          if (noise.chance(4)) party->held.clear();
        }
      }
      EXPECT_EQ(stats.value(kHttp2StreamsActive) > 0, codec.busy());
      for (auto& party : server.parties) party->sender->forget();
    }
    for (auto& party : server.parties) party->held.clear();
    requests += server.parties.size();
    EXPECT_EQ(stats.value(kHttp2StreamsActive), 0u) << round;
    EXPECT_EQ(stats.value(kHttp2PendingSendBytes), 0u) << round;
  }
  EXPECT_GT(requests, 500u);  // the noise is not so loud that nothing gets through
}

TEST(H2Fuzz, Client) {
  uint64_t answers = 0;
  for (int round = 0; round < kRounds; ++round) {
    Noise noise(static_cast<uint64_t>(round) + 10001);
    StatBlock stats(http2_stat_schema());
    const auto settings = settings_for(noise, stats);
    std::vector<std::unique_ptr<Party>> parties;
    FuzzedClient client;
    {
      Wire wire;
      H2ClientCodec codec(wire.connection, wire.reactor, client, settings);
      client.codec = &codec;
      wire.receive = [&](std::string_view bytes) { return codec.receive(bytes); };
      feed(wire, noise, frame(kSettings, 0, 0, ""));
      for (int step = 0; step < 60 && !client.failed; ++step) {
        if (parties.size() < 8 && codec.capacity() > 0 && noise.chance(3)) {
          auto& party = *parties.emplace_back(std::make_unique<Party>(noise));
          ++client.open;
          party.sender = std::make_unique<Sender>(codec.open(party), true);
          party.sender->act(noise);
        }
        feed(wire, noise, noise.next(false));
        for (auto& party : parties) {
          if (noise.chance(4)) party->sender->act(noise);
          if (noise.chance(4)) party->held.clear();
        }
        EXPECT_EQ(codec.active_streams(), static_cast<size_t>(client.open)) << round;
      }
      codec.on_connection_lost(Failure::kConnectionTermination);
    }
    for (auto& party : parties) {
      party->held.clear();
      answers += party->ended ? 1u : 0u;
    }
    EXPECT_EQ(stats.value(kHttp2StreamsActive), 0u) << round;
    EXPECT_EQ(stats.value(kHttp2PendingSendBytes), 0u) << round;
  }
  EXPECT_GT(answers, 500u);
}

}  // namespace
}  // namespace remora
