#pragma once

#include <memory>
#include <string>

#include "http/h1_client_codec.h"
#include "local_ref.h"
#include "net/connection.h"
#include "net/timer_wheel.h"
#include "stats/buffered_gauge.h"
#include "upstream/limit.h"
#include "upstream/worker_cluster.h"

namespace remora {

class HostPool;

/// One connection to an upstream host with its codec. Owned by its pool; frees itself through it when it
/// closes.
class UpstreamConnection final : public Disposable,
                                 private ConnectionOwner,
                                 private ClientCodecEvents,
                                 private BodySource {
 public:
  UpstreamConnection(LocalRef<HostPool> pool, BreakerUnit unit);
  ~UpstreamConnection() override;

  /// Starts connecting; the pool hears how it ends, never from within.
  void connect();
  /// Opens a stream for `response`; `unit` is the request's place in the breaker, given back when the stream
  /// is over.
  MessageSink& open(MessageEvents& response, BreakerUnit unit);

  /// Only when idle: waits for work, for at most the cluster's idle timeout.
  void rest();
  /// From now on closed as soon as it carries nothing.
  void retire();
  void close();

  [[nodiscard]] bool busy() const { return codec_.busy(); }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool closed() const { return closed_; }
  /// Requests it has carried, the present one included.
  [[nodiscard]] uint64_t requests() const { return requests_; }
  [[nodiscard]] const Address& local_address() const { return local_address_; }

 private:
  void on_connected() override;
  size_t on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_error(int error) override;
  void on_written(size_t bytes, bool all) override;
  void on_stream_done(MessageEvents& response, StreamEnd end) override;
  void on_going_away() override { retire(); }
  void on_capacity() override {}
  void on_connection_failed(Failure failure) override;
  void on_window_open() override;
  void on_connect_timeout();
  void on_idle_timeout();
  void on_max_duration();

  void connect_failed(Failure failure, std::string_view transport_failure);
  void closed_by(bool remote, Failure failure, bool cut_request);
  void stream_over();
  [[nodiscard]] StatBlock& stats();
  [[nodiscard]] Reactor& reactor();

  LocalRef<HostPool> pool_;
  LocalRef<WorkerHost> host_;
  BreakerUnit connection_unit_;
  BreakerUnit request_unit_;
  Connection connection_;
  CreditAccount* account_;
  H1ClientSettings settings_;
  H1ClientCodec codec_;
  Timer connect_timer_;
  Timer idle_timer_;
  Timer duration_timer_;
  MonotonicTime started_;
  Address local_address_;
  BufferedGauge received_;
  BufferedGauge unsent_;
  uint64_t requests_ = 0;
  int deferred_error_ = 0;
  bool connected_ = false;
  bool closed_ = false;
  bool retired_ = false;
  bool stream_open_ = false;
};

}  // namespace remora
