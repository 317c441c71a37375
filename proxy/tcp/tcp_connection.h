#pragma once

#include <memory>
#include <string>

#include "net/connection.h"
#include "net/timer_wheel.h"
#include "peer.h"
#include "remora/http/exchange_info.h"
#include "stats/buffered_gauge.h"
#include "tcp/tcp_upstream.h"
#include "worker_connection.h"

namespace remora {

class Transport;
class Worker;

/// A downstream connection of a TCP proxy: finds an upstream, then carries bytes both ways until both sides
/// have ended. Each side may end by itself (half-close). Bytes on their way hold credits of the side they
/// came from, so that the slower side slows the faster. Owned by the worker. Source: Envoy, TCP proxy.
class TcpConnection final : public WorkerConnection,
                            private ConnectionOwner,
                            private BodySource,
                            private TcpUpstream::Owner {
 public:
  /// `chain` is one of TCP. `transport`: null for plain text.
  TcpConnection(Worker& worker, LocalRef<WorkerListener> listener, LocalRef<WorkerChain> chain,
                const AcceptedSocket& socket, std::unique_ptr<Transport> transport);
  ~TcpConnection() override;

  /// Begins, once the worker owns it: it may end at once.
  void start();

  /// There is no moment at which a TCP client could be told: it goes on until `at_most`.
  void drain(Milliseconds at_most) override;
  void rescale_timeouts() override;
  void close_now() override { finish(); }

 private:
  // Downstream.
  void on_connected() override;
  size_t on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_error(int error) override;
  void on_written(size_t bytes, bool all) override;
  void on_window_open() override;

  // Upstream.
  void on_upstream_connected() override;
  void on_upstream_failed(Failure failure, std::string_view transport_failure) override;
  void on_upstream_data(BodyChunk chunk) override;
  void on_upstream_end() override;
  void on_upstream_gone() override;
  void on_upstream_written(bool all) override;

  [[nodiscard]] Milliseconds handshake_time() const;
  void begin();
  void choose_cluster();
  void connect_upstream();
  void refuse(ResponseFlag flag);
  void drop_upstream();
  void finish_if_done();
  void finish();
  void on_handshake_timeout();
  void on_idle_timeout();
  void on_max_duration();
  void on_deadline() { finish(); }
  void touch();
  [[nodiscard]] const TcpProxyConfig& config() const { return *runtime_->config.tcp; }
  [[nodiscard]] StatBlock& stats() { return *stats_; }

  Worker& worker_;
  std::shared_ptr<const ChainRuntime> runtime_;
  StatBlock* stats_;
  Peer peer_;
  ExchangeInfo info_;
  Connection connection_;
  CreditAccount* account_;
  Timer handshake_timer_;
  Timer idle_timer_;
  Timer duration_timer_;
  Timer deadline_timer_;  ///< of a drain
  MonotonicTime last_activity_{};
  BufferedGauge unsent_;

  std::string_view cluster_name_;  // of the configuration
  const SubsetMatch* subset_ = nullptr;
  LocalRef<WorkerCluster> cluster_;
  std::unique_ptr<TcpUpstream> upstream_;
  std::shared_ptr<const TlsInfo> upstream_tls_;
  Address upstream_local_;
  LocalRef<WorkerHost> host_;  // the last one tried

  bool established_ = false;
  bool downstream_ended_ = false;
  bool upstream_ended_ = false;
  bool flushing_ = false;  ///< the client is gone; what it sent still goes out
  bool finished_ = false;
};

}  // namespace remora
