#include "exchange_stats.h"

#include "stats/cluster_stats.h"
#include "stats/http_stats.h"

namespace remora {

uint64_t since_request(const ExchangeInfo& info, MonotonicTime moment) {
  return elapsed_ms(info.request_received == MonotonicTime{} ? info.start : info.request_received, moment);
}

void count_answer(WorkerCluster& cluster, uint16_t status, bool internal) {
  count_retried_answer(cluster, status);
  auto& origin = cluster.origin_stats(internal);
  origin.add(kOriginRqCompleted);
  origin.add(class_stat(kOriginRq1xx, status));
  origin.count_status(status);
}

void count_retried_answer(WorkerCluster& cluster, uint16_t status) {
  auto& stats = cluster.stats();
  stats.add(kUpstreamRqCompleted);
  stats.add(class_stat(kUpstreamRq1xx, status));
  stats.count_status(status);
}

void count_end(StatBlock& http, WorkerCluster* cluster, const ExchangeInfo& info, bool request_complete,
               bool internal) {
  http.sub(kDownstreamRqActive);
  if (info.upgraded) http.sub(kDownstreamCxUpgradesActive);
  if (info.response_code != 0) {
    http.add(kDownstreamRqCompleted);
    http.add(class_stat(kDownstreamRq1xx, info.response_code));
    http.record(kDownstreamRqTime, info.duration_ms());
    if (!request_complete) http.add(kDownstreamRqResponseBeforeRqComplete);
  }
  if (cluster != nullptr && info.upstream_first_received != MonotonicTime{}) {
    const auto took = since_request(info, info.end);
    cluster->stats().record(kUpstreamRqTime, took);
    cluster->origin_stats(internal).record(kOriginRqTime, took);
  }
}

void count_bad_head(StatBlock& http, HeadError error, Protocol protocol) {
  // On HTTP/2 it is one stream's fault, not the connection's.
  if (protocol != Protocol::kHttp2) http.add(kDownstreamCxProtocolError);
  if (error.status == 431 || error.status == 414) http.add(kDownstreamRqTooLarge);
  if (error.status == 408) http.add(kDownstreamRqHeaderTimeout);
}

}  // namespace remora
