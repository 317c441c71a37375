#include "retry.h"

#include <algorithm>

#include "core/text.h"
#include "stats/cluster_stats.h"

namespace remora {
namespace {

constexpr uint32_t kGrpcBits = kRetryOnGrpcCancelled | kRetryOnGrpcDeadlineExceeded | kRetryOnGrpcInternal |
                               kRetryOnGrpcResourceExhausted | kRetryOnGrpcUnavailable;

bool any_matches(const std::vector<HeaderMatcher>& matchers, const HeaderMap& headers) {
  return std::any_of(matchers.begin(), matchers.end(),
                     [&](const HeaderMatcher& matcher) { return matcher.matches(headers); });
}

}  // namespace

void RetryState::clear() {
  policy_ = nullptr;
  retry_on_ = left_ = attempt_ = 0;
  breaker_.reset();
  per_try_timeout_.reset();
  header_codes_.clear();
}

void RetryState::begin(const RetryPolicy* policy, HeaderMap& request) {
  clear();
  policy_ = policy;
  if (policy != nullptr) {
    retry_on_ = policy->retry_on;
    left_ = policy->num_retries;
  }
  const auto on = request.get(HeaderId::kXEnvoyRetryOn);
  const auto grpc_on = request.get(HeaderId::kXEnvoyRetryGrpcOn);
  if (on) retry_on_ |= parse_retry_on(*on, nullptr) & ~kGrpcBits;
  if (grpc_on) retry_on_ |= parse_retry_on(*grpc_on, nullptr) & kGrpcBits;
  if ((on || grpc_on) && left_ == 0) left_ = 1;
  if (const auto most = request.get(HeaderId::kXEnvoyMaxRetries)) {
    if (const auto value = read_number<uint32_t>(*most); value && retry_on_ != 0) left_ = *value;
  }
  if (const auto codes = request.get(HeaderId::kXEnvoyRetriableStatusCodes)) {
    size_t start = 0;
    while (start <= codes->size()) {
      const size_t comma = std::min(codes->find(',', start), codes->size());
      if (const auto value = read_number<uint16_t>(codes->substr(start, comma - start)))
        header_codes_.push_back(*value);
      start = comma + 1;
    }
  }
  if (const auto timeout = request.get(HeaderId::kXEnvoyUpstreamRqPerTryTimeoutMs)) {
    if (const auto value = read_number<uint32_t>(*timeout)) per_try_timeout_ = Milliseconds(*value);
  }
  if (retry_on_ != 0 && policy != nullptr && !policy->retriable_request_headers.empty() &&
      !any_matches(policy->retriable_request_headers, request)) {
    retry_on_ = 0;
  }
  for (const auto id : {HeaderId::kXEnvoyRetryOn, HeaderId::kXEnvoyRetryGrpcOn, HeaderId::kXEnvoyMaxRetries,
                        HeaderId::kXEnvoyRetriableStatusCodes, HeaderId::kXEnvoyRetriableHeaderNames,
                        HeaderId::kXEnvoyUpstreamRqPerTryTimeoutMs, HeaderId::kXEnvoyHedgeOnPerTryTimeout}) {
    request.remove(id);
  }
}

bool RetryState::wants_grpc(int status) const {
  switch (status) {
    case 1: return wants(kRetryOnGrpcCancelled);
    case 4: return wants(kRetryOnGrpcDeadlineExceeded);
    case 8: return wants(kRetryOnGrpcResourceExhausted);
    case 13: return wants(kRetryOnGrpcInternal);
    case 14: return wants(kRetryOnGrpcUnavailable);
    default: return false;
  }
}

bool RetryState::wants_response(const HeaderMap& head) const {
  const uint16_t status = head.status();
  // A limiter that said no means it: only who asks for it by name tries again.
  if (head.has(HeaderId::kXEnvoyRateLimited)) return wants(kRetryOnEnvoyRateLimited);
  if (wants(kRetryOn5xx) && status >= 500 && status < 600) return true;
  if (wants(kRetryOnGatewayError) && status >= 502 && status <= 504) return true;
  if (wants(kRetryOnRetriable4xx) && status == 409) return true;
  if (wants(kRetryOnStatusCodes)) {
    const auto is_status = [status](uint16_t code) { return code == status; };
    if (policy_ != nullptr && std::any_of(policy_->retriable_status_codes.begin(),
                                          policy_->retriable_status_codes.end(), is_status))
      return true;
    if (std::any_of(header_codes_.begin(), header_codes_.end(), is_status)) return true;
  }
  if (wants(kRetryOnHeaders) && policy_ != nullptr && any_matches(policy_->retriable_headers, head))
    return true;
  if ((retry_on_ & kGrpcBits) != 0) {
    if (const auto grpc = head.get(HeaderId::kGrpcStatus))
      return wants_grpc(read_number<int>(*grpc).value_or(-1));
  }
  return false;
}

bool RetryState::wants_failure(Failure failure, bool sent) const {
  switch (failure) {
    case Failure::kOverflow: return false;
    case Failure::kConnectFailure:
    case Failure::kConnectTimeout:
      return wants(kRetryOnConnectFailure) || wants(kRetryOn5xx) || wants(kRetryOnGatewayError) ||
             wants(kRetryOnReset) || wants(kRetryOnResetBeforeRequest);
    case Failure::kPerTryTimeout: return wants(kRetryOn5xx) || wants(kRetryOnGatewayError);
    default:
      return wants(kRetryOnReset) || wants(kRetryOn5xx) || wants(kRetryOnGatewayError) ||
             (wants(kRetryOnResetBeforeRequest) && !sent) ||
             (wants(kRetryOnRefusedStream) && failure == Failure::kRefusedStream);
  }
}

RetryDecision RetryState::on_response(const HeaderMap& head, WorkerCluster& cluster, Random& random) {
  breaker_.reset();
  return decide(retry_on_ != 0 && wants_response(head), cluster, random);
}

RetryDecision RetryState::on_failure(Failure failure, bool sent, WorkerCluster& cluster, Random& random) {
  breaker_.reset();
  return decide(retry_on_ != 0 && wants_failure(failure, sent), cluster, random);
}

RetryDecision RetryState::decide(bool wanted, WorkerCluster& cluster, Random& random) {
  if (!wanted) return {};
  if (left_ == 0) {
    cluster.stats().add(kUpstreamRqRetryLimitExceeded);
    return {false, Milliseconds(0), true};
  }
  breaker_ = BreakerUnit::take(cluster.breakers(), Resource::kRetries, false, cluster.context().shard);
  if (!breaker_) {
    cluster.stats().add(kUpstreamRqRetryOverflow);
    return {};
  }
  --left_;
  ++attempt_;
  const auto base = policy_ == nullptr ? Milliseconds(25) : policy_->back_off_base;
  const auto most = policy_ == nullptr ? Milliseconds(250) : policy_->back_off_max;
  // Full jitter over an interval that doubles: [0, (2^n - 1) * base), at most `most`.
  const auto interval =
      std::min<uint64_t>(((uint64_t{1} << std::min(attempt_, 20u)) - 1) * static_cast<uint64_t>(base.count()),
                         static_cast<uint64_t>(most.count()));
  return {true, Milliseconds(static_cast<int64_t>(interval == 0 ? 0 : random.below(interval))), false};
}

}  // namespace remora
