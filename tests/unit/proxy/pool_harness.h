#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "http/h2_server_codec.h"
#include "stats/cluster_stats.h"
#include "stats/http2_stats.h"
#include "unit/proxy/codec_fakes.h"
#include "upstream/destination_hosts.h"
#include "upstream/pool.h"
#include "upstream/upstream_connection.h"

namespace remora::test {

/// One connection that a pool made, at its other end: HTTP/2 with a codec, or only bytes.
class PeerConnection final : public ConnectionOwner, public ServerCodecEvents {
 public:
  PeerConnection(Reactor& reactor, int fd, bool http2, uint32_t streams) : stats_(http2_stat_schema()) {
    settings_.stats = &stats_;
    settings_.options.max_concurrent_streams = streams;
    connection_ = std::make_unique<Connection>(reactor, *this);
    connection_->adopt(fd);
    if (http2) codec = std::make_unique<H2ServerCodec>(*connection_, reactor, *this, settings_);
  }
  void send(std::string_view bytes) {
    connection_->output().append(bytes);
    connection_->flush_soon();
  }
  void answer(size_t stream) {
    HeaderMap head;
    head.add(HeaderId::kStatus, "200");
    responses[stream]->send_head(head, true);
  }
  /// RST_STREAM with REFUSED_STREAM, by hand: our own server never says so.
  void refuse(size_t stream) {
    const char frame[] = {0, 0, 4, 3, 0, 0, 0, 0, static_cast<char>(2 * stream + 1), 0, 0, 0, 7};
    send({frame, sizeof(frame)});
  }
  void close() { connection_->close(); }

  std::string received;
  std::vector<std::unique_ptr<Recorder>> requests;
  std::vector<MessageSink*> responses;
  bool ended = false;

 private:
  StatBlock stats_;
  H2Settings settings_;
  std::unique_ptr<Connection> connection_;

 public:
  std::unique_ptr<H2ServerCodec> codec;

 private:
  size_t on_bytes(std::string_view bytes) override {
    if (codec) return codec->receive(bytes);
    received += bytes;
    return bytes.size();
  }
  void on_end() override {
    ended = true;
    connection_->close();
  }
  void on_error(int) override { ended = true; }
  void on_written(size_t, bool) override {
    if (codec) codec->on_output_sent();
  }
  MessageEvents& on_request_stream(MessageSink& response, Protocol) override {
    requests.push_back(std::make_unique<Recorder>());
    responses.push_back(&response);
    return *requests.back();
  }
  MessageEvents& on_bad_request(HeadError, MessageSink& response, Protocol protocol) override {
    return on_request_stream(response, protocol);
  }
  void on_stream_done(MessageEvents*, bool) override {}
  void on_request_outlived(MessageEvents&) override {}
  void on_connection_failed(CodecFault) override {}
  void on_connection_finished() override {}
};

/// A wish for a stream that sends a GET as soon as it has one.
class Wish final : public StreamRequest {
 public:
  ~Wish() override { cancel_wait(); }
  void on_stream(MessageSink& request, UpstreamConnection& connection) override {
    sink = &request;
    resting = connection.was_resting();
    HeaderMap head;
    head.add(HeaderId::kMethod, "GET");
    head.add(HeaderId::kPath, "/");
    head.add(HeaderId::kScheme, "http");
    head.add(HeaderId::kAuthority, "h.test");
    request.send_head(head, true);
  }
  void on_no_stream(Failure why, std::string_view text) override {
    failure = why;
    transport_failure = text;
  }
  MessageEvents& response_events() override { return answer; }

  Recorder answer;
  MessageSink* sink = nullptr;
  bool resting = false;
  Failure failure = Failure::kNone;
  std::string transport_failure;
};

/// A cluster of one host on one worker, and that host.
class PoolTest : public testing::Test {
 protected:
  PoolTest() : stats_(2) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    socklen_t length = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    listen(listener_, 64);
    endpoint_.address = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&address), length);
    endpoint_.address_text = endpoint_.address.to_string();
    endpoint_.metadata = std::make_shared<Metadata>();
    config_.name = "up";
    config_.metadata = std::make_shared<Metadata>();
  }
  ~PoolTest() override {
    if (cluster_) cluster_->retire();
    cluster_.reset();
    peers_.clear();
    turns();
    close(listener_);
  }

  void begin(UpstreamProtocol protocol = UpstreamProtocol::kHttp2) {
    config_.protocol = protocol;
    auto runtime = std::make_shared<ClusterRuntime>();
    runtime->config = std::make_shared<ClusterConfig>(config_);
    runtime->store = &stats_;
    runtime->stats = stats_.make_scope(cluster_stat_schema(), cluster_scope_name("up"));
    runtime->breakers = std::make_shared<CircuitBreakers>(config_.default_priority, config_.high_priority, 2);
    runtime->tls = tls_;
    if (config_.original_dst) runtime->destinations = std::make_shared<DestinationHosts>("up", 2);
    destinations_ = runtime->destinations;
    scope_ = runtime->stats;
    cluster_ = LocalRef<WorkerCluster>(new WorkerCluster({reactor_, random_, 1}, runtime));
    if (!config_.original_dst) set_host();
  }
  void set_host() {
    hosts_ = update_hosts(hosts_, {std::make_shared<const Endpoint>(endpoint_)}, 2).hosts;
    cluster_->set_hosts(std::make_shared<const HostSet>(hosts_, LoadRules{}, nullptr));
  }
  LocalRef<HostPool> pool() { return cluster_->pick({}); }
  Wish& ask(bool high_priority = false) { return ask(*pool(), high_priority); }
  Wish& ask(HostPool& pool, bool high_priority = false) {
    wishes_.push_back(std::make_unique<Wish>());
    pool.open(*wishes_.back(), high_priority);
    return *wishes_.back();
  }
  /// Lets everything happen that can, the host's side included.
  void turns(int count = 12) {
    for (int i = 0; i < count; ++i) {
      for (int fd = -1; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
        const int at_once = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
        peers_.push_back(std::make_unique<PeerConnection>(reactor_, fd, speaks_http2_, peer_streams_));
      }
      reactor_.turn(0);
    }
  }
  /// A connection that carries two requests and takes no more.
  void ends_behind_its_last_answer(PeerConnection& peer) {
    peer.answer(0);
    turns();
    EXPECT_FALSE(peer.ended);
    peer.answer(1);
    turns();
    EXPECT_TRUE(peer.ended);
  }
  [[nodiscard]] uint64_t stat(size_t index) const { return scope_->value(index); }

  StatsStore stats_;
  Reactor reactor_;
  Random random_{1};
  ClusterConfig config_;
  Endpoint endpoint_;
  std::shared_ptr<const ClusterTls> tls_;
  std::shared_ptr<DestinationHosts> destinations_;  // of a cluster of type ORIGINAL_DST
  bool speaks_http2_ = true;
  uint32_t peer_streams_ = 100;
  std::vector<std::unique_ptr<PeerConnection>> peers_;
  std::vector<std::unique_ptr<Wish>> wishes_;
  LocalRef<WorkerCluster> cluster_;

 private:
  int listener_ = -1;
  HostList hosts_;
  std::shared_ptr<StatScope> scope_;
};

}  // namespace remora::test
