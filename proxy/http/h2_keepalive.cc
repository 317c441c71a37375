#include "http/h2_keepalive.h"

#include "remora/core/random.h"

namespace remora {
namespace {

Random& jitter() {
  thread_local Random random;
  return random;
}

}  // namespace

H2Keepalive::H2Keepalive(Reactor& reactor, const Http2Options& options, Owner& owner)
    : reactor_(reactor),
      options_(options),
      owner_(owner),
      interval_timer_(timer_calls<&H2Keepalive::on_interval>, this),
      answer_timer_(timer_calls<&H2Keepalive::on_timeout>, this) {}

void H2Keepalive::start() {
  last_frame_ = reactor_.clock().now();
  wait();
}

void H2Keepalive::stop() {
  interval_timer_.cancel();
  answer_timer_.cancel();
}

void H2Keepalive::wait() {
  if (options_.keepalive_interval.count() <= 0) return;
  auto delay = options_.keepalive_interval;
  const auto spread = delay.count() * options_.keepalive_jitter_percent / 100;
  if (spread > 0) delay += Milliseconds(static_cast<int64_t>(jitter().below(static_cast<uint64_t>(spread))));
  reactor_.arm(interval_timer_, delay);
}

void H2Keepalive::ping() {
  if (answer_timer_.armed()) return;
  reactor_.arm(answer_timer_, options_.keepalive_timeout);
  owner_.send_ping();
}

void H2Keepalive::on_frame() {
  if (options_.keepalive_timeout.count() <= 0) return;
  last_frame_ = reactor_.clock().now();
  if (answer_timer_.armed()) reactor_.arm(answer_timer_, options_.keepalive_timeout);
}

void H2Keepalive::on_ack() {
  if (!answer_timer_.armed()) return;
  answer_timer_.cancel();
  wait();
}

void H2Keepalive::before_stream() {
  const auto limit = options_.keepalive_idle_interval;
  if (limit.count() > 0 && reactor_.clock().now() - last_frame_ > limit) ping();
}

void H2Keepalive::on_timeout() {
  interval_timer_.cancel();
  owner_.on_ping_unanswered();
}

}  // namespace remora
