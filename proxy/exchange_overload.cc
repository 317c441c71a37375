// What an Exchange does when resources run short.

#include "downstream_connection.h"
#include "exchange.h"
#include "stats/http_stats.h"
#include "worker.h"

namespace remora {
namespace {

using Measure = OverloadMeasure;

/// Envoy's answer to whoever comes at a bad time: no response flag, and kept connections.
LocalReply overloaded() { return {503, "envoy overloaded", "overload", ResponseFlag::kNone, {}}; }

}  // namespace

/// Before anything is spent on the request: what is too much is answered, and its head not even looked at.
bool Exchange::turned_away() {
  const OverloadState* state = connection_->overload();
  if (state == nullptr || !(state->sheds(Measure::kDecodeHeaders, random(), shard()) ||
                            state->befalls(Measure::kStopAcceptingRequests, random())))
    return false;
  http_stats().add(kDownstreamRqOverloadClose);
  auto reply = overloaded();
  if (http().append_local_overload)
    reply.edit_head = [](HeaderMap& head) { head.set("x-envoy-local-overloaded", "true"); };
  reply_locally(std::move(reply));
  return true;
}

/// The last moment before the upstream has work with it.
bool Exchange::shed_before_upstream() {
  const OverloadState* state = connection_->overload();
  if (state == nullptr || !state->sheds(Measure::kDownstreamFilterCheck, random(), shard())) return false;
  http_stats().add(kRqOverloadLocalReply);
  reply_locally(overloaded());
  return true;
}

void Exchange::abort_for_overload() {
  if (phase_ == Phase::kOver) return;
  if (response_begun_) {
    cut_off(ResponseFlag::kOverloadManager, "overload");
    return;
  }
  http_stats().add(kDownstreamRqRxReset);
  request_complete_ = false;
  reply_locally({500, "Internal Server Error", "overload", ResponseFlag::kDownstreamProtocolError, {}});
}

void Exchange::watch_idle(Milliseconds limit) {
  idle_limit_ = limit;
  idle_.watch(worker_.reactor(), connection_->scaled(ScaledTimeout::kStreamIdle, limit));
}

void Exchange::rescale_timeouts() {
  idle_.change(worker_.reactor(), clock().now(),
               connection_->scaled(ScaledTimeout::kStreamIdle, idle_limit_));
}

}  // namespace remora
