#include "mirror/mirror.h"

#include "core/grpc.h"
#include "local_reply.h"
#include "stats/cluster_stats.h"
#include "stats/http_stats.h"
#include "stats/shadow_stats.h"
#include "upstream/pool.h"
#include "worker.h"

namespace remora {
namespace {

/// "name:port" -> "name-shadow:port", as Envoy marks the host of a shadow.
std::string shadow_host(std::string_view host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const size_t end = has_port ? colon : host.size();
  return std::string(host.substr(0, end)) + "-shadow" + std::string(host.substr(end));
}

void edit_head(const MirrorPolicy& policy, const ExchangeInfo& info, HeaderMap& head) {
  apply(policy.request_headers, head, info);
  if (!policy.host_rewrite.empty()) {
    head.set(HeaderId::kAuthority, policy.host_rewrite);
  } else if (policy.append_shadow_suffix) {
    head.set(HeaderId::kAuthority, shadow_host(head.authority()));
  }
  head.set(HeaderId::kXEnvoyInternal, "true");
}

}  // namespace

LocalRef<Mirror> Mirror::start(Worker& worker, LocalRef<WorkerCluster> cluster,
                               const MirrorRequest& request) {
  if (!cluster) return {};
  LocalRef<Mirror> mirror(new Mirror(worker, std::move(cluster), request));
  mirror->open(request);
  return mirror;
}

Mirror::Mirror(Worker& worker, LocalRef<WorkerCluster> cluster, const MirrorRequest& request)
    : worker_(worker),
      cluster_(std::move(cluster)),
      stats_(cluster_->shadow_stats()),
      settings_(request.settings),
      request_(request.head),
      account_(CreditAccount::make(nullptr, settings_.max_queued_bytes)),
      timeout_(timer_calls<&Mirror::on_timeout>, this),
      idle_(timer_calls<&Mirror::on_quiet>, this),
      started_(worker.clock().now()),
      response_timeout_(request.timeout),
      comparable_(settings_.compare.has_value()) {
  if (comparable_ && settings_.compare->body) answer_.body.emplace();
}

Mirror::~Mirror() {
  worker_.mirrored_bytes() -= reserved_;
  account_->release_reference();
}

void Mirror::open(const MirrorRequest& request) {
  self_ = LocalRef<Mirror>(this);
  stats_.add(kShadowRqTotal);
  edit_head(request.policy, request.info, request_);
  // The head says how long the original's first try may take; this one has the time of the whole.
  if (request_.has(HeaderId::kXEnvoyExpectedRqTimeoutMs) && response_timeout_.count() > 0)
    request_.set(HeaderId::kXEnvoyExpectedRqTimeoutMs, static_cast<uint64_t>(response_timeout_.count()));
  if (!reserve(request.body.size())) return drop();
  queued_.append(request.body);
  if (request.trailers != nullptr) trailers_.emplace(*request.trailers);
  if (cluster_->drops_request()) return fail();
  auto pool = cluster_->pick({.protocol = request.info.protocol, .request = &request_});
  if (!pool) {
    cluster_->stats().add(kUpstreamCxNoneHealthy);
    return fail();
  }
  host_ = pool->host();
  idle_.touch(started_);
  idle_.watch(worker_.reactor(), request.idle);
  if (request.complete) request_finished();
  pool->open(*this, false);
}

// ------------------------------------------------------------------------------------------ the request

void Mirror::on_stream(MessageSink& request, UpstreamConnection& /*connection*/) {
  sink_ = &request;
  const bool ends_in_body = request_complete_ && !trailers_;
  const bool head_is_all = ends_in_body && queued_.empty();
  request.send_head(request_, head_is_all);
  if (head_is_all) return;
  if (!queued_.empty() || ends_in_body) {
    const auto bytes = queued_.view();
    request.send_body({bytes, Credit(*account_, bytes.size())}, ends_in_body);
    queued_.clear();
  }
  if (trailers_) request.send_trailers(*trailers_);
}

void Mirror::add_body(std::string_view bytes, bool end) {
  if (over_) return;
  idle_.touch(worker_.clock().now());
  if (!reserve(bytes.size())) return drop();
  if (end) request_finished();
  if (sink_ == nullptr) {
    queued_.append(bytes);
  } else {
    sink_->send_body({bytes, Credit(*account_, bytes.size())}, end);
  }
}

void Mirror::add_trailers(const HeaderMap& trailers) {
  if (over_) return;
  idle_.touch(worker_.clock().now());
  request_finished();
  if (sink_ == nullptr) {
    trailers_.emplace(trailers);
  } else {
    sink_->send_trailers(trailers);
  }
}

/// Whether so many bytes more may wait, here and in all of this worker's shadows.
bool Mirror::reserve(size_t bytes) {
  const size_t waiting = queued_.size() + account_->outstanding() + bytes;
  if (waiting > settings_.max_queued_bytes) return false;
  if (waiting <= reserved_) return true;
  const size_t more = waiting - reserved_;
  if (worker_.mirrored_bytes() + more > kMaxQueuedOfWorker) return false;
  worker_.mirrored_bytes() += more;
  reserved_ = waiting;
  return true;
}

void Mirror::request_finished() {
  request_complete_ = true;
  if (response_timeout_.count() > 0) worker_.arm(timeout_, response_timeout_);
}

void Mirror::abandon() {
  if (over_) return;
  stats_.add(kShadowRqAbandoned);
  do_not_compare();
  reset_stream();
  over();
}

void Mirror::drop() {
  stats_.add(kShadowRqDropped);
  cluster_->stats().add(kRetryOrShadowAbandoned);
  do_not_compare();
  reset_stream();
  over();
}

void Mirror::reset_stream() {
  if (auto* sink = std::exchange(sink_, nullptr)) sink->reset(Failure::kLocalReset);
}

void Mirror::on_timeout() {
  cluster_->stats().add(kUpstreamRqTimeout);
  cluster_->report_failure(*host_, Failure::kUpstreamTimeout, started_);
  reset_stream();
  fail();
}

void Mirror::on_quiet() {
  if (idle_.expired(worker_.reactor(), worker_.clock().now())) on_timeout();
}

// ------------------------------------------------------------------------------------------- the answer

void Mirror::on_no_stream(Failure failure, std::string_view /*transport_failure*/) {
  cluster_->report_failure(*host_, failure, started_);
  fail();
}

void Mirror::on_head(HeaderMap& head, bool end) {
  idle_.touch(worker_.clock().now());
  const uint16_t status = head.status();
  auto& stats = cluster_->stats();
  stats.add(kUpstreamRqCompleted);
  stats.add(class_stat(kUpstreamRq1xx, status));
  stats.count_status(status);
  const bool grpc = is_grpc_request(request_);
  cluster_->report_response(*host_, head, grpc, end, started_);
  answer_.status = status;
  if (grpc) answer_.grpc = grpc_status_in(&head, nullptr);
  if (end) on_body({}, true);
}

void Mirror::on_body(BodyChunk chunk, bool end) {
  // What is too long to be compared is not read to its end.
  if (answer_.body && answer_.body->size() <= settings_.compare->max_body_bytes)
    answer_.body->add(chunk.bytes);
  const auto now = worker_.clock().now();
  idle_.touch(now);
  if (!end) return;
  answer_.whole = true;
  answer_.took = Milliseconds(elapsed_ms(started_, now));
  cluster_->stats().record(kUpstreamRqTime, elapsed_ms(started_, now));
  sink_ = nullptr;
  over();
}

void Mirror::on_trailers(HeaderMap& trailers) {
  if (is_grpc_request(request_)) {
    cluster_->report_grpc_trailers(*host_, trailers);
    if (const auto status = grpc_status_in(nullptr, &trailers)) answer_.grpc = status;
  }
  on_body({}, true);
}

void Mirror::on_reset(Failure failure) {
  sink_ = nullptr;
  cluster_->report_failure(*host_, failure, started_);
  fail();
}

void Mirror::fail() {
  stats_.add(kShadowRqFailed);
  over();
}

void Mirror::compare_with(std::optional<ShadowAnswer> primary) {
  if (!primary) return do_not_compare();
  primary_ = std::move(primary);
  if (over_) compare_if_both();
}

void Mirror::do_not_compare() {
  if (std::exchange(comparable_, false)) stats_.add(kCompareSkipped);
}

void Mirror::compare_if_both() {
  if (comparable_ && primary_) count_comparison(*primary_, answer_, *settings_.compare, stats_);
}

void Mirror::over() {
  over_ = true;
  timeout_.cancel();
  idle_.stop();
  cancel_wait();
  queued_.clear();
  compare_if_both();
  const auto last = std::move(self_);  // may be the last reference: nothing is touched after this
}

}  // namespace remora
