// An Exchange that follows a redirect itself: its request becomes another one and begins again.

#include <algorithm>

#include "downstream_connection.h"
#include "exchange.h"
#include "stats/cluster_stats.h"
#include "stats/http_stats.h"
#include "worker.h"

namespace remora {
namespace {

/// A redirected request is a new one: what the log says of its first answer is not said of the next.
void forget_upstream(ExchangeInfo& info) {
  info.upstream_first_sent = info.upstream_last_sent = {};
  info.upstream_first_received = info.upstream_last_received = {};
  info.end = {};
  info.response_code = 0;
  info.flags = {};
  info.details = {};
  info.response = nullptr;
  info.upstream_host = nullptr;
  info.upstream_local = nullptr;
  info.upstream_tls = nullptr;
  info.upstream_peer.reset();
  info.cluster = nullptr;
  info.virtual_cluster = nullptr;
  info.attempts = 0;
}

}  // namespace

/// Whether the response is one that we follow ourselves. If so, `request_` is the next request already.
bool Exchange::follows_redirect(const HeaderMap& head) {
  const auto& policy = route_->forward.internal_redirect;
  const uint16_t status = head.status();
  if (!policy ||
      std::find(policy->statuses.begin(), policy->statuses.end(), status) == policy->statuses.end())
    return false;
  // Only what is here as a whole can be sent once more.
  const bool whole = request_complete_ && (keep_body_ || info_.request_body_bytes == 0);
  if (whole && head.has(HeaderId::kLocation)) {
    const RedirectHistory::Place place{routes_->table(), random_value_, !connection_->peer().tls,
                                       facts_of(info_)};
    const auto found = redirects_.follow(place, *route_, head, request_);
    if (!found.reason) {
      cluster_->stats().add(kInternalRedirectSucceeded);
      return true;
    }
    http_stats().add(*found.reason);
  }
  cluster_->stats().add(kInternalRedirectFailed);
  return false;
}

/// The request, now another one, passes filters and routes like the one before it, whose part ends here with
/// a line in the log.
void Exchange::start_again() {
  redirected_ = false;
  info_.end = clock().now();
  filters_.complete(*this);
  log(AccessLogType::kDownstreamEnd);
  if (info_.response_code == 303 && request_.method() == "GET") {
    body_.clear();
    request_trailers_.clear();
    has_request_trailers_ = false;
  }
  tries_.clear();
  retry_.clear();
  tried_.clear();
  mirrors_.finish(info_, request_complete_);
  mirrors_.clear();
  filters_.clear();
  cluster_.reset();
  counters_.clear();
  hash_.reset();
  new_cookies_.clear();
  response_.clear();
  second_chance_used_ = false;
  response_timeout_ = Milliseconds(0);
  forget_upstream(info_);
  find_route();
  phase_ = Phase::kRequestFilters;
  filters_.begin(http().filters, connection_->shared_filters(), route_filters());
  run_request_filters();
}

}  // namespace remora
