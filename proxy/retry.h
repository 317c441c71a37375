#pragma once

#include <optional>
#include <vector>

#include "remora/config/route.h"
#include "remora/core/failure.h"
#include "remora/core/random.h"
#include "remora/http/header_map.h"
#include "upstream/limit.h"
#include "upstream/worker_cluster.h"

namespace remora {

/// The conditions of retry_on that are about a gRPC status.
inline constexpr uint32_t kGrpcRetryBits = kRetryOnGrpcCancelled | kRetryOnGrpcDeadlineExceeded |
                                           kRetryOnGrpcInternal | kRetryOnGrpcResourceExhausted |
                                           kRetryOnGrpcUnavailable;

/// Whether to try again, and when.
struct RetryDecision {
  bool retry = false;
  Milliseconds delay{0};
  bool limit_reached = false;  // would have retried, but the attempts are used up (flag URX)
  bool overflow = false;       // would have retried, but the breaker of retries is open
  bool rate_limited = false;   // the delay is what the response asked for
  bool useless = false;        // would have retried, but cannot, for whatever reason
  bool succeeded = false;      // there was a retry, and what came of it calls for no other
};

/// The retries of one exchange: the policy of the route, overruled by x-envoy-retry-* request headers, the
/// count of what is left and the cluster's retry breaker. Source: Envoy, router filter, retry semantics.
class RetryState {
 public:
  /// `policy` and `hedging` may be null. Takes how long an attempt may last from the request.
  void begin(const RetryPolicy* policy, const HedgePolicy* hedging, HeaderMap& request);
  /// Reads (and removes) the request's other retry headers, once the route's mutations have been applied:
  /// they may say how to retry, and `retriable_request_headers` sees what they have made.
  void read_wishes(HeaderMap& request);
  void clear();

  /// Any retry possible at all: the request's body has to be kept.
  [[nodiscard]] bool enabled() const { return retry_on_ != 0 && left_ > 0; }
  /// From here on there is no other attempt: the request is no longer there to be sent again.
  void give_up() { retry_on_ = attempt_ = 0; }
  /// Null: there is none.
  [[nodiscard]] const RetryPolicy* policy() const { return policy_; }
  [[nodiscard]] bool avoid_previous_hosts() const {
    return policy_ != nullptr && policy_->avoid_previous_hosts;
  }
  [[nodiscard]] uint32_t host_selection_attempts() const {
    return policy_ == nullptr ? 1 : policy_->host_selection_attempts;
  }
  /// How long one attempt may take: the request's own wish, else the policy's.
  [[nodiscard]] std::optional<Milliseconds> per_try_timeout() const {
    return per_try_timeout_ || policy_ == nullptr ? per_try_timeout_ : policy_->per_try_timeout;
  }

  /// How long one attempt may be idle; 0: that is not limited.
  [[nodiscard]] Milliseconds per_try_idle_timeout() const {
    return policy_ == nullptr ? Milliseconds(0) : policy_->per_try_idle_timeout;
  }

  /// After its time, an attempt goes on beside the next one.
  [[nodiscard]] bool hedges() const { return hedges_ && retry_on_ != 0; }

  /// An attempt on a host of that priority has begun (retry_priority previous_priorities).
  void on_attempt(uint32_t priority);
  /// The priorities that the next attempt leaves out (LbContext::left_out); null: none.
  [[nodiscard]] std::vector<uint32_t>* left_out() { return left_out_.empty() ? nullptr : &left_out_; }

  /// `now`: for headers that say until when to wait.
  RetryDecision on_response(const HeaderMap& head, WallTime now, WorkerCluster& cluster, Random& random);
  /// `sent`: the request (or a part of it) may have reached the upstream.
  RetryDecision on_failure(Failure failure, bool sent, WorkerCluster& cluster, Random& random);
  /// The time of an attempt is over, and it goes on: whether another one begins beside it.
  RetryDecision on_late_attempt(WorkerCluster& cluster, Random& random);
  /// The response of such an attempt, which is not retried again: only whether it is one that would be.
  [[nodiscard]] RetryDecision on_late_response(const HeaderMap& head) const;

 private:
  void read_names(std::string_view list);
  RetryDecision decide(bool wanted, WorkerCluster& cluster, Random& random);
  [[nodiscard]] std::optional<Milliseconds> asked_for(const HeaderMap& head, WallTime now) const;
  [[nodiscard]] bool wants(uint32_t bit) const { return (retry_on_ & bit) != 0; }
  [[nodiscard]] bool wants_response(const HeaderMap& head) const;
  [[nodiscard]] bool wants_grpc(int status) const;
  [[nodiscard]] bool wants_failure(Failure failure, bool sent) const;

  const RetryPolicy* policy_ = nullptr;
  uint32_t retry_on_ = 0;
  uint32_t left_ = 0;
  uint32_t attempt_ = 0;
  bool hedges_ = false;
  BreakerUnit breaker_;  // the place of the retry under way
  std::optional<Milliseconds> per_try_timeout_;
  std::vector<uint16_t> header_codes_;
  std::vector<std::string> header_names_;  // lower-case
  std::vector<uint32_t> priorities_;       // of the hosts that were tried
  std::vector<uint32_t> left_out_;
};

}  // namespace remora
