#pragma once

#include "http/h1_head.h"
#include "remora/core/stats.h"
#include "remora/filter/router.h"
#include "remora/http/exchange_info.h"
#include "upstream/worker_cluster.h"

// What exchanges add to the statistics of their connection manager and of their cluster.
namespace remora {

/// What is counted of an answer. kWithoutStatus: the cluster as a whole counts no status. Source: Envoy,
/// Router.dynamic_stats and suppress_grpc_request_failure_code_stats.
enum class AnswerCount : uint8_t { kAll, kWithoutStatus, kNothing };
AnswerCount answer_count(const RouterConfig& router, const HeaderMap& request);

/// An answer's status, for the cluster that it came from or should have come from. `internal`: the client is
/// one of ours.
void count_answer(WorkerCluster& cluster, uint16_t status, AnswerCount what, bool internal);

/// An answer that a retry follows, instead of reaching the client.
void count_retried_answer(WorkerCluster& cluster, uint16_t status, AnswerCount what);

/// The exchange is over and `info` final. `cluster`: whose times are kept; may be null.
void count_end(StatBlock& http, WorkerCluster* cluster, const ExchangeInfo& info, bool request_complete,
               bool internal);

/// Bytes that were no request.
void count_bad_head(StatBlock& http, HeadError error, Protocol protocol);

/// Milliseconds from the end of the request (its beginning, if the answer came before that) to `moment`.
uint64_t since_request(const ExchangeInfo& info, MonotonicTime moment);

}  // namespace remora
