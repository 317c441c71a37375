#include "exchange_stats.h"

#include "core/grpc.h"
#include "stats/cluster_stats.h"
#include "stats/http_stats.h"

namespace remora {

uint64_t since_request(const ExchangeInfo& info, MonotonicTime moment) {
  return elapsed_ms(info.request_received == MonotonicTime{} ? info.start : info.request_received, moment);
}

AnswerCount answer_count(const RouterConfig& router, const HeaderMap& request) {
  if (!router.dynamic_stats) return AnswerCount::kNothing;
  return router.suppress_grpc_statuses && is_grpc_request(request) ? AnswerCount::kWithoutStatus
                                                                   : AnswerCount::kAll;
}

void count_answer(WorkerCluster& cluster, uint16_t status, AnswerCount what, bool internal) {
  if (what == AnswerCount::kNothing) return;
  count_retried_answer(cluster, status, what);
  auto& origin = cluster.origin_stats(internal);
  origin.add(kOriginRqCompleted);
  origin.add(class_stat(kOriginRq1xx, status));
  origin.count_status(status);
}

void count_retried_answer(WorkerCluster& cluster, uint16_t status, AnswerCount what) {
  if (what == AnswerCount::kNothing) return;
  auto& stats = cluster.stats();
  stats.add(kUpstreamRqCompleted);
  if (what == AnswerCount::kWithoutStatus) return;
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
  if (error.status == 500) {  // nothing is wrong with it: there is too much to do
    http.add(kDownstreamRqRxReset);
    return;
  }
  // On HTTP/2 it is one stream's fault, not the connection's.
  if (protocol != Protocol::kHttp2) http.add(kDownstreamCxProtocolError);
  if (error.status == 431 || error.status == 414) http.add(kDownstreamRqTooLarge);
  if (error.status == 408) http.add(kDownstreamRqHeaderTimeout);
}

}  // namespace remora
