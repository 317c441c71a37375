#pragma once

#include <memory>
#include <string_view>

#include "local_ref.h"
#include "remora/core/address.h"
#include "try_log.h"
#include "upstream/pool.h"
#include "upstream/stream_request.h"
#include "upstream/upstream_tls_info.h"
#include "upstream/worker_cluster.h"

namespace remora {

/// One attempt of an exchange at one upstream host: from the wish for a stream to the end of its response.
/// UpstreamTries owns those of an exchange.
class UpstreamTry final : private StreamRequest, private MessageEvents {
 public:
  /// What the exchange hears. After on_try_failed or the response's end the attempt is over and may be
  /// started anew.
  class Owner : public TryLog::Writer {
   public:
    /// The stream is there: send the head now.
    virtual void on_try_ready(UpstreamTry& from, MessageSink& request) = 0;
    virtual void on_try_informational(HeaderMap& head) = 0;
    virtual void on_try_head(UpstreamTry& from, HeaderMap& head, bool end) = 0;
    // From here on there is one attempt.
    virtual void on_try_body(BodyChunk chunk, bool end) = 0;
    virtual void on_try_trailers(HeaderMap& trailers) = 0;
    virtual void on_try_failed(UpstreamTry& from, Failure failure, std::string_view transport_failure) = 0;

   protected:
    ~Owner() = default;
  };

  explicit UpstreamTry(Owner& owner) : owner_(owner) {}

  /// The attempt that is started next is logged. `info`: the request as it stands, and the host.
  void begin_log(ExchangeInfo info, const RouterConfig& router, Reactor& reactor);
  /// What is to be said of it in its log, if it has one.
  void flag(ResponseFlag flag);

  /// Asks `pool` for a stream. Answers may come from within.
  void start(LocalRef<HostPool> pool, bool high_priority);
  /// Ends the attempt: leaves the queue, or resets the stream.
  void abandon();

  /// The open request stream; null while waiting and when over.
  [[nodiscard]] MessageSink* sink() const { return sink_; }
  [[nodiscard]] bool active() const { return sink_ != nullptr || waiting(); }
  /// Of the last attempt; null before the first.
  [[nodiscard]] WorkerHost* host() const { return host_.get(); }
  /// The connection had been resting since an earlier request, and nothing has come back: a failure may be an
  /// idle close that crossed ours.
  [[nodiscard]] bool on_used_connection() const { return used_connection_; }
  /// When the last attempt got its stream; until then, when it began to wait for one.
  [[nodiscard]] MonotonicTime started() const { return started_; }
  [[nodiscard]] bool response_begun() const { return response_begun_; }
  [[nodiscard]] const Address* local_address() const { return &local_address_; }
  /// Of the last attempt that got a connection; null for plain text. Lives until clear() or the next one.
  [[nodiscard]] const TlsInfo* tls() const { return tls_ ? &tls_->info : nullptr; }
  /// Forgets host and pool; only when not active().
  void clear();

 private:
  void on_stream(MessageSink& request, UpstreamConnection& connection) override;
  void on_no_stream(Failure failure, std::string_view transport_failure) override;
  MessageEvents& response_events() override { return *this; }

  void on_informational(HeaderMap& head) override;
  void on_head(HeaderMap& head, bool end) override;
  void on_body(BodyChunk chunk, bool end) override;
  void on_trailers(HeaderMap& trailers) override;
  void on_reset(Failure failure) override;

  [[nodiscard]] TryLog* log() const { return log_ != nullptr && log_->open() ? log_.get() : nullptr; }

  Owner& owner_;
  std::unique_ptr<TryLog> log_;  // made by the first attempt that is logged, then kept
  LocalRef<HostPool> pool_;
  LocalRef<WorkerHost> host_;
  MessageSink* sink_ = nullptr;
  Address local_address_;
  LocalRef<UpstreamTlsInfo> tls_;
  MonotonicTime started_{};
  bool used_connection_ = false;
  bool response_begun_ = false;
};

}  // namespace remora
