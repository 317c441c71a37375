#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "http/codec.h"
#include "local_ref.h"
#include "net/connection.h"
#include "net/timer_wheel.h"
#include "stats/buffered_gauge.h"
#include "upstream/limit.h"
#include "upstream/stream_units.h"
#include "upstream/upstream_tls_info.h"
#include "upstream/worker_cluster.h"

namespace remora {

class HostPool;

/// One connection to an upstream host with its codec: one request at a time with HTTP/1, many with HTTP/2.
/// Owned by its pool; frees itself through it when it closes.
class UpstreamConnection final : public Disposable,
                                 private ConnectionOwner,
                                 private ClientCodecEvents,
                                 private BodySource {
 public:
  /// `protocol` is kAuto where the handshake decides. `expected`: how many waiting requests the pool leaves
  /// to it while it is connecting.
  UpstreamConnection(LocalRef<HostPool> pool, UpstreamProtocol protocol, size_t expected, BreakerUnit unit);
  ~UpstreamConnection() override;

  /// Starts connecting; the pool hears how it ends, never from within.
  void connect();
  /// Opens a stream for `response`; `unit` is the request's place in the breaker, given back when the stream
  /// is over. Only with room().
  MessageSink& open(MessageEvents& response, BreakerUnit unit);
  /// How many streams can be opened now.
  [[nodiscard]] size_t room() const;

  /// Only when idle: waits for work, for at most the cluster's idle timeout.
  void rest();
  /// Opens no more; closed as soon as it carries nothing.
  void retire();
  void close();

  [[nodiscard]] bool idle() const { return streams_.size() == 0; }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool retired() const { return retired_; }
  [[nodiscard]] bool multiplexes() const { return protocol_ == UpstreamProtocol::kHttp2; }
  [[nodiscard]] size_t expected() const { return expected_; }
  /// The stream that was opened last found the connection idle since an earlier one: the upstream may have
  /// closed it meanwhile.
  [[nodiscard]] bool was_resting() const { return was_resting_; }
  [[nodiscard]] const Address& local_address() const { return local_address_; }
  /// Null for plain text.
  [[nodiscard]] const LocalRef<UpstreamTlsInfo>& tls() const { return tls_; }

 private:
  friend class HostPool;

  void on_connected() override;
  size_t on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_error(int error) override;
  void on_written(size_t bytes, bool all) override;
  void on_stream_done(MessageEvents& response, StreamEnd end) override;
  void on_going_away() override;
  void on_capacity() override;
  void on_connection_failed(Failure failure) override;
  void on_window_open() override;
  void dial();
  void begin(int fd);
  void dial_lost(int error, const std::string& why);
  void on_connect_timeout();
  void on_idle_timeout();
  void on_max_duration();

  void make_codec();
  void count_protocol();
  void provide(size_t streams);
  void take_no_more();
  void request_ended(StreamEnd end);
  void stream_ended(StreamEnd end);
  void unasked_bytes();
  void connect_failed(Failure failure, std::string_view transport_failure);
  void closed_by(bool remote, Failure failure, size_t cut);
  void count_close(bool remote, size_t cut);
  [[nodiscard]] const ClusterConfig& config() const;
  [[nodiscard]] StatBlock& stats();
  [[nodiscard]] Reactor& reactor();

  static constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

  LocalRef<HostPool> pool_;
  LocalRef<WorkerHost> host_;
  BreakerUnit connection_unit_;
  StreamUnits streams_;
  Connection connection_;
  std::unique_ptr<AddressRace> race_;     // null: the host has one address
  std::unique_ptr<Transport> transport_;  // for the address that wins it
  CreditAccount* account_;
  std::unique_ptr<ClientCodec> codec_;  // null until connected
  Timer connect_timer_;
  Timer idle_timer_;
  Timer duration_timer_;
  MonotonicTime started_;
  Address local_address_;
  LocalRef<UpstreamTlsInfo> tls_;
  BufferedGauge received_;
  BufferedGauge unsent_;
  uint64_t requests_ = 0;            // streams ever opened
  size_t refused_above_ = kNoLimit;  // as many streams at once the upstream would not take
  size_t expected_;
  size_t provided_ = 0;           // how many streams the pool counts on
  std::string deferred_failure_;  // met before connecting could begin
  UpstreamProtocol protocol_;
  bool secrets_missing_ = false;
  bool connected_ = false;
  bool closed_ = false;
  bool retired_ = false;
  bool limit_known_ = false;  // the upstream's SETTINGS have come
  bool heard_ = false;        // the upstream has said something
  bool was_resting_ = false;
  bool listed_ = false;  // among the pool's ready ones
};

}  // namespace remora
