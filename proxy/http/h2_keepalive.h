#pragma once

#include "net/reactor.h"
#include "remora/config/http2.h"

namespace remora {

/// PINGs that tell a dead peer from a silent one. States: resting (no timer), waiting for the interval to
/// pass, waiting for an answer. The same rules as Envoy's KeepaliveSettings.
class H2Keepalive {
 public:
  /// The codec that is kept alive.
  class Owner {
   public:
    virtual void send_ping() = 0;
    virtual void on_ping_unanswered() = 0;

   protected:
    ~Owner() = default;
  };

  H2Keepalive(Reactor& reactor, const Http2Options& options, Owner& owner);

  void start();
  void stop();
  /// Any frame from the peer: the answer may be on its way behind it.
  void on_frame();
  void on_ack();
  /// Before a stream is opened: an idle connection may have died unnoticed.
  void before_stream();

 private:
  void wait();
  void ping();
  void on_interval() { ping(); }
  void on_timeout();

  Reactor& reactor_;
  const Http2Options& options_;
  Owner& owner_;
  Timer interval_timer_;
  Timer answer_timer_;
  MonotonicTime last_frame_{};
};

}  // namespace remora
