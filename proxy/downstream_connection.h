#pragma once

#include <memory>

#include "downstream_codec.h"
#include "exchange_list.h"
#include "local_ref.h"
#include "net/connection.h"
#include "net/timer_wheel.h"
#include "peer.h"
#include "stats/buffered_gauge.h"
#include "upstream/downstream_pools.h"
#include "worker_connection.h"

namespace remora {

class Exchange;
class Transport;
class Worker;

/// One accepted connection: its codec, its present exchanges, its timers, and how it is closed. Owned by the
/// worker.
class DownstreamConnection final : public WorkerConnection,
                                   private ConnectionOwner,
                                   private ServerCodecEvents,
                                   private BodySource {
 public:
  /// `chain` is one of HTTP. `transport`: null for plain text.
  DownstreamConnection(Worker& worker, LocalRef<WorkerListener> listener, LocalRef<WorkerChain> chain,
                       const AcceptedSocket& socket, std::unique_ptr<Transport> transport);
  ~DownstreamConnection() override;

  // For its exchange.
  [[nodiscard]] uint64_t id() const { return id_; }
  [[nodiscard]] const Peer& peer() const { return peer_; }
  /// Upstream connections that only this connection's requests use, where clusters say so.
  [[nodiscard]] DownstreamPools& own_pools() { return own_pools_; }
  [[nodiscard]] const HttpConnectionManagerConfig& http() const { return http_->config(); }
  [[nodiscard]] const WorkerHttp& http_runtime() const { return *http_; }
  [[nodiscard]] StatBlock& http_stats() { return http_->stats(); }
  [[nodiscard]] const std::vector<std::unique_ptr<HttpFilter>>& shared_filters() const {
    return http_->shared_filters();
  }
  /// The routes for a request that begins now; empty while they have not come.
  /// The table for a request of that head; empty: there is none.
  [[nodiscard]] LocalRef<WorkerRoutes> routes(const HeaderMap& head) const;
  [[nodiscard]] size_t buffer_limit() const;
  /// The last moment to tell the client that this connection will close.
  void before_response_head();
  void count_listener_response(uint16_t status);
  /// Null: no measure against overload concerns this connection.
  [[nodiscard]] const OverloadState* overload() const { return chain_->runtime().overload.get(); }
  /// A timeout as the action reduce_timeouts leaves it.
  [[nodiscard]] Milliseconds scaled(ScaledTimeout which, Milliseconds usual) const {
    return overload() == nullptr ? usual : overload()->timeout(which, usual);
  }
  /// The present response is this connection's last. Before its head is sent.
  void close_after_response();

  /// Closes when idle, at the latest at the next response.
  void drain(Milliseconds at_most) override;
  void rescale_timeouts() override;
  void close_now() override;

 private:
  void on_connected() override;
  size_t on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_error(int error) override;
  void on_written(size_t bytes, bool all) override;
  MessageEvents& on_request_stream(MessageSink& response, Protocol protocol) override;
  MessageEvents& on_bad_request(HeadError error, MessageSink& response, Protocol protocol) override;
  void on_connection_failed(CodecFault fault) override;
  void on_connection_finished() override { begin_close(); }
  void on_stream_done(MessageEvents* request, bool reusable) override;
  void on_request_outlived(MessageEvents& request) override;
  void on_window_open() override;

  void begin_http();
  void count_active(bool more);
  bool choose_codec(std::string_view bytes);
  void count_codec();
  DownstreamCodec::Parts codec_parts();
  [[nodiscard]] bool sheds(OverloadMeasure point);
  bool shed_codec();
  bool shed_dispatch();
  void abort_http1();
  void cut_exchanges_off(ResponseFlag flag, std::string_view details);
  [[nodiscard]] bool keepalive_disabled();
  void shorten(Timer& timer, MonotonicTime since, Milliseconds limit);
  void watch_head();
  void start_drain_sequence();
  Exchange& begin_exchange(MessageSink& response, Protocol protocol);
  void end_exchange(MessageEvents* request);
  void tell_exchanges_gone(Failure failure, size_t by_whom);
  void await_request();
  void begin_close();
  void client_gone();
  void closed(bool remote);
  void on_handshake_timeout();
  void on_idle_timeout();
  void on_head_timeout();
  void on_max_duration();
  void on_delayed_close();

  Worker& worker_;
  LocalRef<WorkerHttp> http_;
  uint64_t id_;
  Peer peer_;
  Connection connection_;
  CreditAccount* account_;
  DownstreamCodec codec_;
  ExchangeList exchanges_;  ///< HTTP/1 has one at the most
  MonotonicTime accepted_;
  MonotonicTime idle_since_{};
  Timer idle_timer_;
  Timer head_timer_;
  Timer duration_timer_;
  Timer close_timer_;  ///< the end of a delayed close, of a discarded request, of HTTP/2's drain sequence
  Timer handshake_timer_;
  BufferedGauge received_;
  BufferedGauge unsent_;
  uint64_t requests_ = 0;
  bool open_ = false;  ///< HTTP has begun: no handshake is under way any more
  bool draining_ = false;
  bool drain_sequence_ = false;   ///< of HTTP/2, under way
  bool ends_with_timer_ = false;  ///< duration_timer_ has become the drain's deadline
  bool closing_ = false;
  bool closed_ = false;
  DownstreamPools own_pools_;
};

}  // namespace remora
