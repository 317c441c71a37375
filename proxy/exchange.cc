#include "exchange.h"

#include "core/grpc.h"
#include "core/text.h"
#include "crash_report.h"
#include "downstream_connection.h"
#include "drop_overload.h"
#include "exchange_stats.h"
#include "hash_policy.h"
#include "idempotent.h"
#include "local_reply.h"
#include "mirror/mirror.h"
#include "response_head.h"
#include "rewrite.h"
#include "route_choice.h"
#include "route_reply.h"
#include "stats/cluster_stats.h"
#include "stats/http_stats.h"
#include "strict_headers.h"
#include "upstream_head.h"
#include "worker.h"

namespace remora {
Exchange::Exchange(Worker& worker)
    : worker_(worker),
      tries_(*this),
      idle_(timer_calls<&Exchange::on_idle>, this),
      route_timer_(timer_calls<&Exchange::on_route_timeout>, this),
      per_try_timer_(timer_calls<&Exchange::on_per_try_timeout>, this),
      per_try_idle_timer_(timer_calls<&Exchange::on_per_try_idle>, this),
      max_duration_timer_(timer_calls<&Exchange::on_max_duration>, this),
      request_timer_(timer_calls<&Exchange::on_request_timeout>, this),
      back_off_timer_(timer_calls<&Exchange::on_back_off_over>, this),
      filter_timer_(timer_calls<&Exchange::on_filter_timer>, this),
      pace_timer_(timer_calls<&Exchange::send_paced>, this),
      log_timer_(timer_calls<&Exchange::on_log_interval>, this) {}

Exchange::~Exchange() = default;

// ---------------------------------------------------------------------------------- the request arrives

void Exchange::begin(DownstreamConnection& connection, MessageSink& response, Protocol protocol) {
  connection_ = &connection;
  response_sink_ = &response;
  phase_ = Phase::kFresh;
  ++life_;
  info_.connection_id = connection.id();
  info_.stream_id = random().next();
  random_value_ = random().next();
  info_.protocol = protocol;
  info_.filter_chain = connection.http_runtime().runtime().config.name;
  info_.requested_server_name = connection.peer().server_name;
  info_.downstream_tls = connection.peer().tls_info;
  info_.dynamic_metadata = connection.peer().metadata.get();
  info_.start_wall = clock().wall();
  info_.start = clock().now();
  info_.downstream_direct = &connection.peer().direct_remote;
  info_.downstream_remote = &connection.peer().remote();
  info_.downstream_local = &connection.peer().local;
  http_stats().add(kDownstreamRqTotal);
  http_stats().add(kDownstreamRqActive);
  http_stats().add(protocol == Protocol::kHttp2 ? kDownstreamRqHttp2Total : kDownstreamRqHttp1Total);
  log_from_time_to_time();
  touch();
}

void Exchange::on_head(HeaderMap& head, bool end) {
  const WorkingFor working(info_);
  request_.swap(head);
  info_.request = &request_;
  info_.request_header_bytes = request_.byte_size();
  request_complete_ = end;
  head_only_ = request_.method() == "HEAD";
  wants_upgrade_ = request_.has(HeaderId::kUpgrade) || request_.method() == "CONNECT";
  if (end) info_.request_received = clock().now();
  watch_idle(http().stream_idle_timeout);
  if (!end && http().request_timeout.count() > 0) worker_.arm(request_timer_, http().request_timeout);
  if (http().max_stream_duration.count() > 0) worker_.arm(max_duration_timer_, http().max_stream_duration);
  if (turned_away() || !admit_head()) return;
  find_route();
  log_beginning();
  phase_ = Phase::kRequestFilters;
  filters_.begin(http().filters, connection_->shared_filters(), route_filters());
  run_request_filters();
}

/// Brings the head into the one form that filters, routes and the upstream see; false if it was answered
/// instead.
bool Exchange::admit_head() {
  if (!http().early_mutations.empty()) apply(http().early_mutations, request_, info_);
  if (request_.has(HeaderId::kExpect) &&
      equals_ignoring_case(request_.value_of(HeaderId::kExpect), "100-continue") &&
      !http().proxy_100_continue) {
    HeaderMap go_on;
    go_on.add(HeaderId::kStatus, "100");
    response_sink_->send_informational(go_on);
    request_.remove(HeaderId::kExpect);
  }
  routes_ = connection_->routes(request_);
  const auto* internal_only = routes_ ? &routes_->table().config().internal_only_headers : nullptr;
  auto verdict =
      prepare_request_head(request_, http(), connection_->peer(), internal_only, random(), origin_);
  info_.downstream_remote = &origin_.remote;
  if (verdict.kind == HeadVerdict::Kind::kAccept) return true;
  if (verdict.reply.details == "path_normalization_failed")
    http_stats().add(verdict.reply.status == 307 ? kDownstreamRqRedirectedWithNormalizedPath
                                                 : kDownstreamRqFailedPathNormalization);
  // Who sends such heads may have more of them in the pipe.
  if (verdict.reply.status == 400) connection_->close_after_response();
  reply_locally(std::move(verdict.reply));
  return false;
}

void Exchange::find_route() {
  if (!routes_) return;
  const auto match = routes_->table().match(request_, random_value_, facts_of(info_));
  virtual_host_ = match.virtual_host;
  route_ = match.route;
  info_.virtual_host = virtual_host_;
  info_.route = route_;
  choice_ = route_ != nullptr && route_->action == Route::Action::kForward
                ? choose_cluster(route_->forward, request_, weighted_random())
                : ClusterChoice();
  info_.route_cluster = choice_.name;
}

uint64_t Exchange::weighted_random() const {
  const HashSource source{request_, origin_.remote, connection_->peer(), &filter_state_};
  return remora::weighted_random(route_->forward, source, random_value_);
}

/// What the place in the table that was found says to the filters.
RouteFilters Exchange::route_filters() const {
  if (route_ == nullptr) return {};
  const auto& found = choice_.weighted != nullptr ? choice_.weighted->filters : route_->filters;
  if (found.resolved == nullptr) return {};
  return {*found.resolved, connection_->http_runtime().filter_slots(routes_->table())};
}

void Exchange::run_request_filters() {
  auto verdict = filters_.request_head(
      *this, request_,
      {body_.view(), request_complete_, has_request_trailers_ ? &request_trailers_ : nullptr});
  switch (verdict.kind()) {
    case Verdict::Kind::kContinue: on_filters_done(); break;
    case Verdict::Kind::kReply: reply_locally(verdict.take_reply()); break;
    case Verdict::Kind::kPause: break;  // the filter holds a Resume
  }
}

void Exchange::on_filters_done() {
  phase_ = Phase::kForwarding;
  send_to_route();
}

void Exchange::on_body(BodyChunk chunk, bool end) {
  const WorkingFor working(info_);
  touch();
  info_.request_body_bytes += chunk.bytes.size();
  if (phase_ == Phase::kOver) return;
  filters_.request_body(*this, chunk.bytes, end);
  if (phase_ == Phase::kOver) return;  // a filter that was paused has answered
  mirrors_.body(chunk.bytes, end);
  if (end) request_complete_ = true;

  auto* sink = tries_->sink();
  const size_t most = most_kept();
  if (keep_body_ && body_.size() + chunk.bytes.size() > most) {
    // Too much to be sent again: from here on there is one attempt. What was sent needs no copy any more.
    keep_body_ = false;
    if (sink != nullptr) body_.clear();
    if (cluster_ && retry_.enabled()) cluster_->stats().add(kRetryOrShadowAbandoned);
    retry_.give_up();
  }
  if (sink == nullptr || keep_body_) body_.append(chunk.bytes);
  if (sink == nullptr) {
    if (!reads_whole_request_) body_credit_.merge(std::move(chunk.credit));
  } else {
    sink->send_body(std::move(chunk), end);
    info_.upstream_last_sent = clock().now();
    touch_try();
  }
  if (end) request_finished();
}

void Exchange::on_trailers(HeaderMap& trailers) {
  const WorkingFor working(info_);
  touch();
  if (phase_ == Phase::kOver) return;
  request_trailers_.swap(trailers);
  has_request_trailers_ = true;
  request_complete_ = true;
  auto* sink = tries_->sink();  // if there is none yet, they leave with what is held
  filters_.request_trailers(*this, request_trailers_);
  if (phase_ == Phase::kOver) return;
  mirrors_.trailers(request_trailers_);
  if (sink != nullptr) sink->send_trailers(request_trailers_);
  request_finished();
}

void Exchange::request_finished() {
  info_.request_received = clock().now();
  request_timer_.cancel();
  // The route's timeout counts from here: a slow upload is the stream idle timer's business.
  if (tries_->sink() != nullptr) limit_try();
  if (phase_ == Phase::kForwarding && response_timeout_.count() > 0 && !route_timer_.armed()) {
    worker_.arm(route_timer_, response_timeout_);
  }
}

// ---------------------------------------------------------------------------------------- where it goes

void Exchange::send_to_route() {
  auto answer = reply_before_route(virtual_host_, route_, http(), request_, origin_.internal);
  if (answer) {
    if (answer->bare) route_ = nullptr;  // nothing that it says is for this answer
  } else {
    answer = route_ == nullptr ? std::optional(reply_without_route(static_cast<bool>(routes_)))
                               : reply_of_route(*route_, info_);
  }
  if (!answer) {
    forward();
    return;
  }
  if (answer->counter) http_stats().add(*answer->counter);
  reply_locally(std::move(answer->reply));
}

void Exchange::forward() {
  http_stats().add(kRqTotal);
  cluster_ = worker_.find_cluster(choice_.name);
  if (!cluster_) {
    http_stats().add(kNoCluster);
    reply_locally({route_->forward.cluster_not_found_status,
                   {},
                   "cluster_not_found",
                   ResponseFlag::kNoClusterFound,
                   {}});
    return;
  }
  info_.cluster = &cluster_->config();
  if (shed_before_upstream()) return;
  counters_.begin(*virtual_host_, *route_, request_, shard());
  info_.virtual_cluster = counters_.virtual_cluster();
  if (auto refusal = refuse_bad_headers(router().strict_headers, request_, details_)) {
    reply_locally(std::move(*refusal));
    return;
  }
  if (cluster_->drops_request()) {
    spare_hosts();
    return;
  }
  const auto& policy = route_->forward.retry ? route_->forward.retry : virtual_host_->retry;
  const auto& hedging = route_->forward.hedge ? route_->forward.hedge : virtual_host_->hedge;
  retry_.begin(policy.get(), hedging.get(), request_);
  if (!limit_time()) {
    on_max_duration();
    return;
  }
  count_attempt();
  prepare_upstream_head();
  retry_.read_wishes(request_);
  // Many streams share an HTTP/2 connection, and its end is normal (GOAWAY): a request that met it is sent
  // again if it is small. So is one that may be done twice and meets the end of a kept connection.
  keep_body_ = retry_.enabled() || cluster_->config().protocol != UpstreamProtocol::kHttp1 ||
               route_->forward.internal_redirect != nullptr ||
               (is_idempotent(request_.method()) && !wants_upgrade_);
  hash_request();
  start_try();
}

void Exchange::spare_hosts() {
  auto reply = reply_of_overload(cluster_->drops_everything(), http().suppress_envoy_headers);
  count_own_answer(reply.status);
  reply_locally(std::move(reply));
}

/// Of the request as the upstream is to see it, rewritten: the same for all attempts.
void Exchange::hash_request() {
  const auto& table = cluster_->config().consistent_hash;
  if (!table) return;
  const auto& policies = table->policies.empty() ? route_->forward.hash_policies.list() : table->policies;
  hash_ =
      request_hash(policies, {request_, origin_.remote, connection_->peer(), &filter_state_}, &new_cookies_);
}

RouteLevels Exchange::route_levels() const {
  return {routes_->table().config(), *virtual_host_, *route_, choice_.weighted};
}

void Exchange::prepare_upstream_head() {
  remora::prepare_upstream_head(route_levels(), !http().suppress_envoy_headers, request_, info_);
}

void Exchange::start_mirrors() {
  for (const auto& policy : choose_mirrors(routes_->table().config(), *virtual_host_, *route_)) {
    if (wants_upgrade_ || (policy.fraction && !worker_.enabled(*policy.fraction, random().next()))) continue;
    const MirrorRequest copied{.policy = policy,
                               .settings = route_->shadow,
                               .info = info_,
                               .head = request_,
                               .body = body_.view(),
                               .trailers = has_request_trailers_ ? &request_trailers_ : nullptr,
                               .complete = request_complete_,
                               .timeout = response_timeout_,
                               .idle = http().stream_idle_timeout};
    mirrors_.add(Mirror::start(worker_, worker_.find_cluster(mirror_cluster(policy, request_)), copied));
  }
}

// ---------------------------------------------------------------------------------------------- the upstream

void Exchange::start_try() {
  const SubsetMatch& match = choice_.weighted != nullptr && !choice_.weighted->metadata_match.empty()
                                 ? choice_.weighted->metadata_match
                                 : route_->forward.metadata_match;
  const bool again = info_.attempts > 1;
  auto pool = cluster_->pick({.subset = &match,
                              .tried = tried_,
                              .avoid = again ? retry_.policy() : nullptr,
                              .attempts = retry_.host_selection_attempts(),
                              .left_out = retry_.left_out(),
                              .hash = hash_,
                              .protocol = info_.protocol,
                              .tcp = asks_for_tcp(route_->forward, request_),
                              .request = &request_,
                              .origin = connection_->peer().origin.get(),
                              .own_pools = &connection_->own_pools(),
                              .ends = {&connection_->peer().remote(), &connection_->peer().local}});
  if (!pool) {
    cluster_->stats().add(kUpstreamCxNoneHealthy);
    fail(Failure::kNoHealthyUpstream, {});
    return;
  }
  const auto& endpoint = pool->host()->endpoint();
  info_.upstream_host = &endpoint;
  retry_.on_attempt(cluster_->priority_of(*pool->host()));
  if (retry_.avoid_previous_hosts()) tried_.push_back(&pool->host()->host().state());
  if (!again) start_mirrors();  // where there is no host, nothing was sent that could be copied
  const HostRewrite& rewrite = *route_->forward.host_rewrite;
  if (rewrite.kind == HostRewrite::Kind::kAuto)
    rewrite_host_to(endpoint.hostname, rewrite.append_x_forwarded_host, request_);
  if (!router().upstream_logs.empty()) begin_try_log();
  tries_->start(std::move(pool), route_->forward.high_priority);
}

void Exchange::on_try_ready(UpstreamTry& from, MessageSink& request) {
  const WorkingFor working(info_);
  cluster_->report_connected(*from.host());
  counters_.add(kRouteRqTotal);
  info_.upstream_local = from.local_address();
  info_.upstream_tls = from.tls();
  if (http().scheme_of_upstream)
    request_.set(HeaderId::kScheme, info_.upstream_tls != nullptr ? "https" : "http");
  if (info_.upstream_first_sent == MonotonicTime{}) info_.upstream_first_sent = clock().now();
  const bool head_is_all = request_complete_ && body_.empty() && !has_request_trailers_;
  request.send_head(request_, head_is_all);
  if (!head_is_all) send_held_body(request);
  info_.upstream_last_sent = clock().now();
  if (request_complete_ && !tries_.is_slow(from)) limit_try();
}

void Exchange::send_held_body(MessageSink& request) {
  const bool end = request_complete_ && !has_request_trailers_;
  if (!body_.empty() || end) request.send_body({body_.view(), std::move(body_credit_)}, end);
  body_credit_ = Credit();
  if (!keep_body_) body_.clear();
  if (has_request_trailers_ && tries_->sink() != nullptr) request.send_trailers(request_trailers_);
}

void Exchange::on_try_informational(HeaderMap& head) {
  touch();
  // We have answered 100 ourselves where it was asked for.
  if (head.status() == 100 && !http().proxy_100_continue) return;
  response_sink_->send_informational(head);
}

// ---------------------------------------------------------------------------------------------- the response

void Exchange::on_try_head(UpstreamTry& from, HeaderMap& head, bool end) {
  const WorkingFor working(info_);
  touch();
  if (info_.upstream_first_received == MonotonicTime{}) info_.upstream_first_received = clock().now();
  const uint16_t status = head.status();
  cluster_->report_response(*from.host(), head, is_grpc_request(request_), end, from.started());
  const bool connected = request_.method() == "CONNECT" && status / 100 == 2;
  const bool tunnel = status == 101 || connected || (wants_upgrade_ && !end && status / 100 == 1);
  const auto decision = tries_.is_slow(from) ? retry_.on_late_response(head)
                                             : retry_.on_response(head, clock().wall(), *cluster_, random());
  if (decision.retry && !tunnel) {
    count_retried_answer(*cluster_, status, answer_count(router(), request_));
    if (!end) from.abandon();
    retry_after(decision, false);
    return;
  }
  if (!decision.retry) retry_after(decision, false);
  if (decision.limit_reached) info_.flags.set(ResponseFlag::kUpstreamRetryLimitExceeded);
  if (drop_useless(from, decision, end)) return;
  settle_on(from);
  per_try_timer_.cancel();
  if (end) {
    forget_try();
  } else {
    touch_try();
  }
  if (!tunnel && follows_redirect(head)) {
    if (!end) tries_.abandon();
    route_timer_.cancel();
    info_.response_code = status;
    info_.details = "internal_redirect";
    redirected_ = true;
    worker_.arm(back_off_timer_, Milliseconds(0));
    return;
  }
  begin_response(head, end);
}

void Exchange::begin_response(HeaderMap& head, bool end) {
  response_.swap(head);
  info_.response = &response_;
  info_.details = "via_upstream";
  info_.response_code = response_.status();
  const auto counted = answer_count(router(), request_);
  count_answer(*cluster_, response_.status(), counted, origin_.internal);
  if (counted != AnswerCount::kNothing) counters_.answer(response_.status());
  if (end) info_.upstream_last_received = clock().now();
  for (const auto& cookie : new_cookies_) response_.add(HeaderId::kSetCookie, cookie);
  keep_body_ = false;
  if (request_complete_ || tries_->sink() == nullptr) body_.clear();
  if (response_.status() == 101 || (request_.method() == "CONNECT" && response_.status() / 100 == 2)) {
    info_.upgraded = true;
    http_stats().add(kDownstreamCxUpgradesTotal);
    http_stats().add(kDownstreamCxUpgradesActive);
  }
  mutate_response_head(response_);
  auto verdict = filters_.response_head(*this, response_, end);
  if (verdict.kind() == Verdict::Kind::kReply) {
    tries_.abandon();
    reply_locally(verdict.take_reply());
    return;
  }
  send_response_head(end);
}

void Exchange::mutate_response_head(HeaderMap& head) {
  if (!http().suppress_envoy_headers) {
    head.set(HeaderId::kXEnvoyUpstreamServiceTime, since_request(info_, info_.upstream_first_received));
  }
  tell_attempts(head);
  apply_response_mutations(route_levels(), head, info_);
}

void Exchange::tell_attempts(HeaderMap& head) const {
  if (virtual_host_->include_attempt_count_in_response)
    head.set(HeaderId::kXEnvoyAttemptCount, uint64_t{info_.attempts});
}

void Exchange::send_response_head(bool end) {
  finish_response_head(response_, http(), request_, worker_.date());
  info_.response_code = response_.status();
  info_.response_header_bytes = response_.byte_size();
  info_.downstream_first_sent = clock().now();
  response_begun_ = true;
  connection_->before_response_head();
  if (info_.upgraded) log_tunnel();
  if (end) {
    auto* sink = std::exchange(response_sink_, nullptr);
    finish();
    sink->send_head(response_, true);
  } else {
    response_sink_->send_head(response_, false);
  }
}

void Exchange::on_try_body(BodyChunk chunk, bool end) {
  const WorkingFor working(info_);
  touch();
  if (phase_ == Phase::kOver) return;
  touch_try();
  if (end) {
    info_.upstream_last_received = clock().now();
    forget_try();
  }
  if (!head_only_) info_.response_body_bytes += chunk.bytes.size();
  filters_.response_body(*this, chunk.bytes, end);
  mirrors_.answer_body(chunk.bytes);
  if (!pace_) {
    send_response_body(std::move(chunk), end);
    return;
  }
  pace_->hold(std::move(chunk));
  if (end) end_paced();
  if (!pace_timer_.armed()) send_paced();
}

void Exchange::send_response_body(BodyChunk chunk, bool end) {
  if (!end) {
    response_sink_->send_body(std::move(chunk), false);
    return;
  }
  auto* sink = std::exchange(response_sink_, nullptr);
  finish();
  sink->send_body(std::move(chunk), true);
}

void Exchange::on_try_trailers(HeaderMap& trailers) {
  const WorkingFor working(info_);
  if (phase_ == Phase::kOver) return;
  if (is_grpc_request(request_)) cluster_->report_grpc_trailers(*tries_->host(), trailers);
  cluster_->report_load(*tries_->host(), trailers);
  response_trailers_.swap(trailers);
  info_.response_trailers = &response_trailers_;
  info_.upstream_last_received = clock().now();
  filters_.response_trailers(*this, response_trailers_);
  if (!pace_) {
    send_response_trailers();
    return;
  }
  end_paced();
  if (!pace_timer_.armed()) send_paced();
}

void Exchange::send_response_trailers() {
  auto* sink = std::exchange(response_sink_, nullptr);
  finish();
  sink->send_trailers(response_trailers_);
}

/// The upstream has answered in time; how long its answer takes from here on is our doing.
void Exchange::end_paced() {
  pace_->complete();
  route_timer_.cancel();
}

void Exchange::send_paced() {
  touch();
  auto chunk = pace_->next(clock().now());
  const bool last = pace_->last();
  const bool trailers = info_.response_trailers != nullptr;
  if (!chunk.bytes.empty() || (last && !trailers)) send_response_body(std::move(chunk), last && !trailers);
  if (pace_->sent()) {
    worker_.arm(pace_timer_, ResponsePace::kSlice);
  } else if (last && trailers) {
    send_response_trailers();
  }
}

/// Nobody can take the half response back: it ends in a way that the client can tell from a whole one.
void Exchange::break_response_off(Failure failure, std::string_view transport_failure) {
  info_.flags.set(failure_info(failure).flag);
  details_.clear();
  append_failure_details(failure, true, transport_failure, details_);
  info_.details = details_;
  http_stats().add(kRqResetAfterDownstreamResponseStarted);
  http_stats().add(kDownstreamRqTxReset);
  auto* sink = std::exchange(response_sink_, nullptr);
  finish();
  sink->reset(failure);
}

void Exchange::fail(Failure failure, std::string_view transport_failure) {
  auto reply = reply_for(failure, transport_failure, info_.attempts > 1, request_complete_, details_);
  if (cluster_) count_own_answer(reply.status);
  reply_locally(std::move(reply));
}

/// An answer of ours that counts as one of the cluster's.
void Exchange::count_own_answer(uint16_t status) {
  const auto counted = answer_count(router(), request_);
  count_answer(*cluster_, status, counted, origin_.internal);
  if (counted != AnswerCount::kNothing) counters_.answer(status);
}

/// Answers in the upstream's stead. The only place that does.
void Exchange::reply_locally(LocalReply reply) {
  if (reply.flag != ResponseFlag::kNone) info_.flags.set(reply.flag);
  if (reply.details.data() != details_.data()) details_ = reply.details;
  info_.details = details_;
  tries_.abandon();
  back_off_timer_.cancel();
  if (response_begun_) {
    auto* sink = std::exchange(response_sink_, nullptr);
    finish();
    if (sink != nullptr) sink->reset(Failure::kLocalReset);
    return;
  }
  const auto body = render_local_reply(reply, http().local_reply.get(), random_value_, info_, response_);
  const uint16_t status = response_.status();
  const bool bodiless = head_only_ || body.empty() || status == 204 || status == 304;
  if (head_only_) response_.remove(HeaderId::kGrpcMessage);       // it stands for the body, and HEAD has none
  if (status == 204) response_.remove(HeaderId::kContentLength);  // RFC 9110 section 8.6
  // Where a filter answers instead of an upstream, the route's mutations hold as they would for that one.
  const bool of_filter =
      phase_ == Phase::kRequestFilters && route_ != nullptr && route_->action == Route::Action::kForward;
  if (route_ != nullptr && (phase_ == Phase::kForwarding || of_filter)) {
    if (info_.attempts > 0) tell_attempts(response_);
    apply_response_mutations(route_levels(), response_, info_);
  }
  [[maybe_unused]] const auto verdict = filters_.response_head(*this, response_, bodiless);
  if (bodiless) {
    send_response_head(true);
    return;
  }
  info_.response_body_bytes = body.size();
  finish_response_head(response_, http(), request_, worker_.date());
  info_.response_code = response_.status();
  info_.downstream_first_sent = clock().now();
  response_begun_ = true;
  connection_->before_response_head();
  auto* sink = std::exchange(response_sink_, nullptr);
  finish();
  sink->send_head(response_, false);
  sink->send_body({body, {}}, true);
}

/// The exchange is decided: its numbers are final. The last piece is sent by the caller, after the log is
/// written, since sending it may end the connection.
void Exchange::finish() {
  const WorkingFor working(info_);
  if (phase_ == Phase::kOver) return;
  phase_ = Phase::kOver;
  info_.end = clock().now();
  cancel_timers();
  const bool timed = router().dynamic_stats;
  count_end(http_stats(), timed ? cluster_.get() : nullptr, info_, request_complete_, origin_.internal);
  if (timed && info_.upstream_first_received != MonotonicTime{})
    counters_.time(since_request(info_, info_.end));
  if (info_.response_code != 0) connection_->count_listener_response(info_.response_code);
  filters_.complete(*this);
  log(AccessLogType::kDownstreamEnd);
  mirrors_.finish(info_, request_complete_);
  retry_.clear();
  tries_.abandon();
}

// ------------------------------------------------------------------------------------ what can go wrong

void Exchange::refuse(HeadError error) {
  count_bad_head(http_stats(), error, info_.protocol);
  reply_locally(reply_to_bad_head(error));
}

/// The codec gave up on the request's body.
void Exchange::on_reset(Failure failure) {
  if (phase_ == Phase::kOver) return;
  if (info_.protocol == Protocol::kHttp2) {
    on_downstream_gone(failure);  // the stream is no more
    return;
  }
  if (failure == Failure::kDownstreamProtocolError) http_stats().add(kDownstreamCxProtocolError);
  request_complete_ = false;
  fail(failure, {});
}

void Exchange::on_downstream_gone(Failure failure) {
  const bool of_http2 = failure == Failure::kDownstreamProtocolError && info_.protocol == Protocol::kHttp2;
  cut_off(failure_info(failure).flag,
          of_http2 ? "http2.violation.of.messaging.rule" : failure_info(failure).details);
}

void Exchange::cut_off(ResponseFlag flag, std::string_view details) {
  if (phase_ == Phase::kOver) return;
  response_sink_ = nullptr;
  info_.flags.set(flag);
  details_ = details;
  info_.details = details_;
  http_stats().add(kDownstreamRqRxReset);
  if (cluster_ && !tries_->response_begun()) cluster_->stats().add(kUpstreamRqCancelled, tries_.active());
  finish();
}

// ---------------------------------------------------------------------------------------------- the end

const HttpConnectionManagerConfig& Exchange::http() const { return connection_->http(); }
const RouterConfig& Exchange::router() const { return *connection_->http_runtime().runtime().router; }
StatBlock& Exchange::http_stats() { return connection_->http_stats(); }

void Exchange::recycle() {
  tries_.abandon();
  tries_.clear();
  retry_.clear();
  tried_.clear();
  mirrors_.clear();
  pace_.reset();
  filters_.clear();
  filter_call_ = nullptr;
  info_ = ExchangeInfo();
  metadata_.reset();
  filter_state_.clear();
  details_.clear();
  request_.clear();
  request_trailers_.clear();
  response_.clear();
  response_trailers_.clear();
  routes_.reset();
  routes_before_.reset();
  cluster_.reset();
  counters_.clear();
  virtual_host_ = nullptr;
  route_ = nullptr;
  choice_ = {};
  hash_.reset();
  new_cookies_.clear();
  redirects_.clear();
  redirected_ = false;
  body_.clear();
  body_credit_ = Credit();
  connection_ = nullptr;
  response_sink_ = nullptr;
  request_complete_ = has_request_trailers_ = wants_upgrade_ = response_begun_ = head_only_ = false;
  reads_whole_request_ = false;
  keep_body_ = second_chance_used_ = false;
  response_timeout_ = Milliseconds(0);
  ++life_;
}

}  // namespace remora
