#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "connection_origin.h"
#include "local_ref.h"
#include "net/connection.h"
#include "net/timer_wheel.h"
#include "remora/core/failure.h"
#include "remora/http/stream.h"
#include "stats/buffered_gauge.h"
#include "upstream/health_bound.h"
#include "upstream/limit.h"
#include "upstream/worker_cluster.h"

namespace remora {

/// One raw connection to an upstream host, for one downstream connection: never shared, never kept. Makes the
/// cluster's transport, counts in the cluster's and the host's statistics and holds its place in the circuit
/// breaker. Worker thread only; freed by reactor.dispose().
class TcpUpstream final : public Disposable, public HealthBound, private ConnectionOwner, private BodySource {
 public:
  /// Never called from within a call of its own.
  class Owner {
   public:
    virtual void on_upstream_connected() = 0;
    /// The attempt is over. `transport_failure` says what it met; may be empty.
    virtual void on_upstream_failed(Failure failure, std::string_view transport_failure) = 0;
    virtual void on_upstream_data(BodyChunk chunk) = 0;
    /// The upstream sends no more (FIN).
    virtual void on_upstream_end() = 0;
    /// The connection is gone.
    virtual void on_upstream_gone() = 0;
    /// Output went to the kernel; `all`: nothing is left.
    virtual void on_upstream_written(bool all) = 0;

   protected:
    ~Owner() = default;
  };

  /// Its places in the cluster's circuit breakers: for good, and while it connects.
  struct Units {
    BreakerUnit connection;
    BreakerUnit pending;
  };
  TcpUpstream(LocalRef<WorkerCluster> cluster, LocalRef<WorkerHost> host, Units units, Owner& owner);
  ~TcpUpstream() override;

  /// `ends` must live as long as the attempt.
  void connect(const ConnectionSource& source, const DownstreamEnds& ends);
  void send(BodyChunk chunk) { connection_.write(std::move(chunk)); }
  /// FIN behind what was sent.
  void end() { connection_.shutdown_write(); }
  /// Now; nothing is told to the owner any more.
  void close();

  [[nodiscard]] size_t unsent() const { return connection_.unsent(); }
  [[nodiscard]] const LocalRef<WorkerHost>& host() const { return host_; }
  [[nodiscard]] Address local_address() const { return connection_.local_address(); }
  [[nodiscard]] std::shared_ptr<const TlsInfo> tls() const { return connection_.shared_tls(); }

 private:
  void on_host_failed() override;
  void on_connected() override;
  size_t on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_error(int error) override;
  void on_written(size_t bytes, bool all) override;
  void on_window_open() override { connection_.resume_reading(); }
  void dial(const ConnectionSource& source);
  void begin(int fd);
  void on_connect_timeout();
  void fail_attempt(Failure failure, std::string_view transport_failure);
  void attempt_over();
  void closed(bool remote);
  [[nodiscard]] StatBlock& stats() { return cluster_->stats(); }
  [[nodiscard]] Reactor& reactor() { return cluster_->context().reactor; }

  LocalRef<WorkerCluster> cluster_;
  LocalRef<WorkerHost> host_;
  Units units_;
  Owner& owner_;
  Connection connection_;
  std::unique_ptr<AddressRace> race_;     // null: the host has one address
  std::unique_ptr<Transport> transport_;  // for the address that wins it
  DownstreamEnds ends_;
  CreditAccount* account_;
  Timer connect_timer_;
  MonotonicTime started_;
  BufferedGauge unsent_;
  std::string deferred_failure_;  ///< met before connecting could begin
  bool secrets_missing_ = false;
  bool connected_ = false;
  bool ended_ = false;  ///< by the upstream
  bool closed_ = false;
};

}  // namespace remora
