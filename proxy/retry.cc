#include "retry.h"

#include <algorithm>

#include "core/ascii.h"
#include "core/text.h"
#include "stats/cluster_stats.h"

namespace remora {
namespace {

bool any_matches(const std::vector<HeaderMatcher>& matchers, const HeaderMap& headers) {
  return std::any_of(matchers.begin(), matchers.end(),
                     [&](const HeaderMatcher& matcher) { return matcher.matches(headers); });
}

}  // namespace

void RetryState::clear() {
  policy_ = nullptr;
  retry_on_ = left_ = attempt_ = 0;
  breaker_.reset();
  hedges_ = false;
  per_try_timeout_.reset();
  header_codes_.clear();
  header_names_.clear();
  priorities_.clear();
  left_out_.clear();
}

void RetryState::begin(const RetryPolicy* policy, const HedgePolicy* hedging, HeaderMap& request) {
  clear();
  policy_ = policy;
  hedges_ = hedging != nullptr && hedging->on_per_try_timeout;
  if (const auto timeout = request.get(HeaderId::kXEnvoyUpstreamRqPerTryTimeoutMs)) {
    if (const auto value = read_number<uint32_t>(*timeout)) per_try_timeout_ = Milliseconds(*value);
    request.remove(HeaderId::kXEnvoyUpstreamRqPerTryTimeoutMs);
  }
}

void RetryState::read_wishes(HeaderMap& request) {
  if (policy_ != nullptr) {
    retry_on_ = policy_->retry_on;
    left_ = policy_->num_retries;
  }
  const auto on = request.get(HeaderId::kXEnvoyRetryOn);
  const auto grpc_on = request.get(HeaderId::kXEnvoyRetryGrpcOn);
  if (on) retry_on_ |= parse_retry_on(*on, nullptr) & ~kGrpcRetryBits;
  if (grpc_on) retry_on_ |= parse_retry_on(*grpc_on, nullptr) & kGrpcRetryBits;
  if (policy_ == nullptr && (on || grpc_on)) left_ = 1;  // a policy of none stays one
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
  if (const auto names = request.get(HeaderId::kXEnvoyRetriableHeaderNames)) read_names(*names);
  if (const auto hedges = request.get(HeaderId::kXEnvoyHedgeOnPerTryTimeout)) {
    if (*hedges == "true" || *hedges == "false") hedges_ = *hedges == "true";
  }
  if (retry_on_ != 0 && policy_ != nullptr && !policy_->retriable_request_headers.empty() &&
      !any_matches(policy_->retriable_request_headers, request)) {
    retry_on_ = 0;
  }
  for (const auto id : {HeaderId::kXEnvoyRetryOn, HeaderId::kXEnvoyRetryGrpcOn, HeaderId::kXEnvoyMaxRetries,
                        HeaderId::kXEnvoyRetriableStatusCodes, HeaderId::kXEnvoyRetriableHeaderNames,
                        HeaderId::kXEnvoyHedgeOnPerTryTimeout}) {
    request.remove(id);
  }
}

/// x-envoy-retriable-header-names: what a response may have besides what the policy says.
void RetryState::read_names(std::string_view list) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    auto word = list.substr(0, comma);
    word.remove_prefix(std::min(word.find_first_not_of(" \t"), word.size()));
    word.remove_suffix(word.size() - (word.find_last_not_of(" \t") + 1));
    if (!word.empty()) ascii_lower_in_place(header_names_.emplace_back(word));
    list.remove_prefix(std::min(comma + 1, list.size()));
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
  if (wants(kRetryOnHeaders)) {
    if (policy_ != nullptr && any_matches(policy_->retriable_headers, head)) return true;
    if (std::ranges::any_of(header_names_,
                            [&](const std::string& name) { return head.get(name).has_value(); }))
      return true;
  }
  if ((retry_on_ & kGrpcRetryBits) != 0) {
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
    case Failure::kPerTryTimeout:
    case Failure::kPerTryIdleTimeout: return wants(kRetryOn5xx) || wants(kRetryOnGatewayError);
    default:
      return wants(kRetryOnReset) || wants(kRetryOn5xx) || wants(kRetryOnGatewayError) ||
             (wants(kRetryOnResetBeforeRequest) && !sent) ||
             (wants(kRetryOnRefusedStream) && failure == Failure::kRefusedStream);
  }
}

RetryDecision RetryState::on_response(const HeaderMap& head, WallTime now, WorkerCluster& cluster,
                                      Random& random) {
  breaker_.reset();
  auto decision = decide(retry_on_ != 0 && wants_response(head), cluster, random);
  if (!decision.retry) return decision;
  if (const auto wait = asked_for(head, now); wait && wait->count() > 1) {
    const auto most_more = static_cast<uint64_t>(wait->count() / 2);
    decision.delay = *wait + Milliseconds(static_cast<int64_t>(random.below(most_more)));
    decision.rate_limited = true;
  }
  return decision;
}

/// How long the response asks to wait: by the first header that says so within the policy's limit.
std::optional<Milliseconds> RetryState::asked_for(const HeaderMap& head, WallTime now) const {
  if (policy_ == nullptr) return std::nullopt;
  const auto most = static_cast<uint64_t>(policy_->reset_max.count());
  const auto seconds_now = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  for (const ResetHeader& header : policy_->reset_headers) {
    const auto text = head.get(header.name);
    auto seconds = text ? read_number<uint64_t>(*text) : std::nullopt;
    if (seconds && header.unix_timestamp) {
      const auto from = static_cast<uint64_t>(std::max<int64_t>(seconds_now, 0));
      seconds = *seconds < from ? std::nullopt : std::optional(*seconds - from);
    }
    // Beyond the limit whatever the unit: no overflow.
    if (seconds && *seconds <= most / 1000) return Milliseconds(static_cast<int64_t>(*seconds * 1000));
  }
  return std::nullopt;
}

/// Every so many attempts, all priorities tried so far are left out of the next ones. Source: Envoy,
/// previous_priorities.
void RetryState::on_attempt(uint32_t priority) {
  const uint32_t frequency = policy_ == nullptr ? 0 : policy_->previous_priorities_frequency;
  if (frequency == 0) return;
  priorities_.push_back(priority);
  if (priorities_.size() % frequency == 0) left_out_ = priorities_;
}

RetryDecision RetryState::on_failure(Failure failure, bool sent, WorkerCluster& cluster, Random& random) {
  breaker_.reset();
  return decide(retry_on_ != 0 && wants_failure(failure, sent), cluster, random);
}

RetryDecision RetryState::on_late_attempt(WorkerCluster& cluster, Random& random) {
  return decide(true, cluster, random);
}

RetryDecision RetryState::on_late_response(const HeaderMap& head) const {
  return {.useless = retry_on_ != 0 && wants_response(head)};
}

RetryDecision RetryState::decide(bool wanted, WorkerCluster& cluster, Random& random) {
  if (!wanted) {
    if (attempt_ > 0) cluster.stats().add(kUpstreamRqRetrySuccess);
    return {.succeeded = attempt_ > 0};
  }
  if (left_ == 0) {
    cluster.stats().add(kUpstreamRqRetryLimitExceeded);
    return {.limit_reached = true, .useless = true};
  }
  breaker_ = BreakerUnit::take(cluster.breakers(), Resource::kRetries, false, cluster.context().shard);
  if (!breaker_) {
    cluster.stats().add(kUpstreamRqRetryOverflow);
    return {.overflow = true, .useless = true};
  }
  --left_;
  ++attempt_;
  const auto base = policy_ == nullptr ? Milliseconds(25) : policy_->back_off_base;
  const auto most = policy_ == nullptr ? Milliseconds(250) : policy_->back_off_max;
  // Full jitter over an interval that doubles: [0, (2^n - 1) * base), at most `most`.
  const auto interval =
      std::min<uint64_t>(((uint64_t{1} << std::min(attempt_, 20u)) - 1) * static_cast<uint64_t>(base.count()),
                         static_cast<uint64_t>(most.count()));
  return {.retry = true,
          .delay = Milliseconds(static_cast<int64_t>(interval == 0 ? 0 : random.below(interval)))};
}

}  // namespace remora
