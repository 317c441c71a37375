#pragma once

#include "net/reactor.h"
#include "net/timer_wheel.h"
#include "remora/filter/router.h"
#include "remora/http/exchange_info.h"
#include "remora/http/stream.h"

namespace remora {

/// What the router's logs (upstream_log) say of one attempt at an upstream: its own times, bytes, answer and
/// flags. Stands between the exchange and the attempt's stream, to see what is sent. Used again by later
/// attempts. Worker thread only.
class TryLog final : public MessageSink {
 public:
  class Writer {
   public:
    /// A line is due. `info`: as for an access log, but of the attempt.
    virtual void log_try(const ExchangeInfo& info) = 0;

   protected:
    ~Writer() = default;
  };

  TryLog(Writer& writer, Reactor& reactor)
      : writer_(writer),
        reactor_(reactor),
        timer_(timer_calls<&TryLog::on_interval>, this) {}

  /// An attempt begins. `info`: the request's, with the host; its pointers and `router` stay until end().
  void begin(ExchangeInfo info, const RouterConfig& router);
  /// Between begin() and the last line.
  [[nodiscard]] bool open() const { return router_ != nullptr; }

  /// The attempt has its stream: from now on, send through the one that is returned.
  MessageSink& on_stream(MessageSink& request, Protocol protocol, const Address& local, const TlsInfo* tls);
  void on_head(const HeaderMap& head, bool end);
  void on_body(size_t bytes, bool end);
  void on_trailers(const HeaderMap& trailers);
  void on_failure(Failure failure, std::string_view transport_failure);
  void flag(ResponseFlag flag) { info_.flags.set(flag); }
  /// The attempt is over, whatever came of it: writes its last line.
  void end();

 private:
  void send_informational(const HeaderMap& head) override { sink_->send_informational(head); }
  void send_head(const HeaderMap& head, bool end) override;
  void send_body(BodyChunk chunk, bool end) override;
  void send_trailers(const HeaderMap& trailers) override;
  void reset(Failure failure) override { sink_->reset(failure); }

  void complete();
  void sent(bool end);
  void write(AccessLogType type);
  void on_interval();

  Writer& writer_;
  Reactor& reactor_;
  Timer timer_;
  const RouterConfig* router_ = nullptr;  // null: no attempt is logged
  MessageSink* sink_ = nullptr;
  ExchangeInfo info_;
  HeaderMap head_;
  HeaderMap trailers_;
};

}  // namespace remora
