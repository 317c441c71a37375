#include <algorithm>

#include "downstream_connection.h"
#include "exchange.h"
#include "stats/http_stats.h"
#include "worker.h"

// What becomes of a connection when resources run short: docs/admission.md.

namespace remora {

using Measure = OverloadMeasure;

bool DownstreamConnection::sheds(Measure point) {
  return overload()->sheds(point, worker_.random(), worker_.shard());
}

/// True where what has come is not worth a codec: the connection closes.
bool DownstreamConnection::shed_codec() {
  if (closing_) return true;
  if (!sheds(Measure::kCreateCodec)) return false;
  http_stats().add(kDownstreamRqOverloadClose);
  begin_close();
  return true;
}

/// True where the codec is not given what has come.
bool DownstreamConnection::shed_dispatch() {
  if (closing_) return false;
  if (!codec_.multiplexes()) {
    if (!sheds(Measure::kHttp1AbortDispatch)) return false;
    abort_http1();
    return true;
  }
  if (sheds(Measure::kHttp2GoAwayAndClose)) {
    codec_->go_away_now();
    return true;
  }
  if (!drain_sequence_ && sheds(Measure::kHttp2GoAway)) start_drain_sequence();
  return false;
}

/// Whoever has not been answered is; then the connection ends.
void DownstreamConnection::abort_http1() {
  http_stats().add(kDownstreamRqOverloadClose);
  if (exchanges_.empty() && !codec_->busy()) {
    codec_->refuse_head({500, "overload"});
    return;
  }
  const bool answers = !exchanges_.empty() && !(*exchanges_.begin())->response_begun();
  if (answers) {
    codec_->start_drain();  // the answer says that it is the last
    (*exchanges_.begin())->abort_for_overload();
    return;
  }
  for (const auto& exchange : exchanges_) exchange->abort_for_overload();
  begin_close();
}

void DownstreamConnection::cut_exchanges_off(ResponseFlag flag, std::string_view details) {
  bool active = false;
  for (const auto& exchange : exchanges_) {
    active = active || !exchange->over();
    exchange->cut_off(flag, details);
  }
  if (!active) return;
  http_stats().add(kDownstreamCxDestroyActiveRq);
  http_stats().add(kDownstreamCxDestroyLocalActiveRq);
}

bool DownstreamConnection::keepalive_disabled() {
  if (overload() == nullptr || !overload()->befalls(Measure::kDisableHttpKeepalive, worker_.random()))
    return false;
  http_stats().add(kDownstreamCxOverloadDisableKeepalive);
  return true;
}

void DownstreamConnection::rescale_timeouts() {
  if (overload() == nullptr || closing_ || closed_) return;
  if (handshake_timer_.armed())
    shorten(handshake_timer_, accepted_,
            scaled(ScaledTimeout::kTransportSocketConnect, chain_->runtime().handshake_time()));
  if (idle_timer_.armed() && !draining_)
    shorten(idle_timer_, idle_since_, scaled(ScaledTimeout::kConnectionIdle, http().idle_timeout));
  if (duration_timer_.armed() && !ends_with_timer_)
    shorten(duration_timer_, accepted_,
            scaled(ScaledTimeout::kConnectionMax, http().max_connection_duration));
  for (const auto& exchange : exchanges_) exchange->rescale_timeouts();
}

/// To `limit` from when it began; also longer again.
void DownstreamConnection::shorten(Timer& timer, MonotonicTime since, Milliseconds limit) {
  const auto gone = std::chrono::duration_cast<Milliseconds>(worker_.clock().now() - since);
  worker_.arm(timer, std::max(limit - gone, Milliseconds(0)));
}

}  // namespace remora
