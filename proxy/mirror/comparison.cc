#include "mirror/comparison.h"

#include "core/grpc.h"
#include "core/text.h"
#include "remora/config/route.h"
#include "remora/http/exchange_info.h"
#include "stats/shadow_stats.h"

namespace remora {
namespace {

ShadowStat status_verdict(const ShadowAnswer& primary, const ShadowAnswer& shadow) {
  if (primary.status == shadow.status && primary.grpc == shadow.grpc) return kCompareStatusSame;
  const bool same_class = primary.status / 100 == shadow.status / 100;
  return same_class && primary.grpc == shadow.grpc ? kCompareStatusClassSame : kCompareStatusDiffers;
}

ShadowStat body_verdict(const ShadowAnswer& primary, const ShadowAnswer& shadow, uint64_t most) {
  // A body that was not looked at, or not to its end, says nothing.
  if (!primary.body || !shadow.body) return kCompareBodySkipped;
  if (primary.body->size() > most || shadow.body->size() > most) return kCompareBodySkipped;
  const bool same =
      primary.body->size() == shadow.body->size() && primary.body->value() == shadow.body->value();
  return same ? kCompareBodySame : kCompareBodyDiffers;
}

void record_times(Milliseconds primary, Milliseconds shadow, StatBlock& stats) {
  const auto count = [](Milliseconds time) { return static_cast<uint64_t>(time.count()); };
  stats.record(kComparePrimaryTime, count(primary));
  stats.record(kCompareShadowTime, count(shadow));
  if (shadow > primary) stats.record(kCompareSlower, count(shadow - primary));
  if (primary > shadow) stats.record(kCompareFaster, count(primary - shadow));
}

bool client_ended(const ExchangeInfo& info) {
  using enum ResponseFlag;
  return info.flags.has(kDownstreamConnectionTermination) || info.flags.has(kDownstreamRemoteReset) ||
         info.flags.has(kDownstreamProtocolError);
}

}  // namespace

std::optional<uint32_t> grpc_status_in(const HeaderMap* head, const HeaderMap* trailers) {
  for (const HeaderMap* part : {trailers, head}) {
    if (part == nullptr) continue;
    const auto text = part->get(HeaderId::kGrpcStatus);
    if (text) return read_number<uint32_t>(*text);
  }
  return std::nullopt;
}

std::optional<ShadowAnswer> primary_answer(const ExchangeInfo& info, MonotonicTime since,
                                           const std::optional<BodyDigest>& body) {
  ShadowAnswer answer;
  answer.whole = info.upstream_last_received != MonotonicTime{};
  if (!answer.whole && client_ended(info)) return std::nullopt;
  answer.status = info.response_code;
  if (info.request != nullptr && is_grpc_request(*info.request))
    answer.grpc = grpc_status_in(info.response, info.response_trailers);
  answer.took = Milliseconds(elapsed_ms(since, info.end));
  answer.body = body;
  return answer;
}

void count_comparison(const ShadowAnswer& primary, const ShadowAnswer& shadow, const ShadowCompare& how,
                      StatBlock& stats) {
  stats.add(kCompareTotal);
  if (shadow.failed() && !primary.failed()) stats.add(kCompareShadowFailed);
  if (primary.failed() && !shadow.failed()) stats.add(kComparePrimaryFailed);
  if (!shadow.whole || !primary.whole) {
    stats.add(kCompareNoAnswer);
    return;
  }
  stats.add(status_verdict(primary, shadow));
  record_times(primary.took, shadow.took, stats);
  if (how.body) stats.add(body_verdict(primary, shadow, how.max_body_bytes));
}

}  // namespace remora
