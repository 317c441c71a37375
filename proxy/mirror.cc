#include "mirror.h"

#include "local_reply.h"
#include "stats/cluster_stats.h"
#include "stats/http_stats.h"
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

}  // namespace

LocalRef<Mirror> Mirror::start(Worker& worker, LocalRef<WorkerCluster> cluster, const MirrorPolicy& policy,
                               const HeaderMap& request, Protocol protocol, bool end, Milliseconds timeout) {
  if (!cluster) return {};
  auto pool = cluster->pick({.protocol = protocol, .request = &request});
  if (!pool) {
    cluster->stats().add(kUpstreamCxNoneHealthy);
    return {};
  }
  LocalRef<Mirror> mirror(new Mirror(worker, std::move(cluster), request, end));
  if (!policy.host_rewrite.empty()) {
    mirror->request_.set(HeaderId::kAuthority, policy.host_rewrite);
  } else if (policy.append_shadow_suffix) {
    mirror->request_.set(HeaderId::kAuthority, shadow_host(request.authority()));
  }
  mirror->request_.set(HeaderId::kXEnvoyInternal, "true");
  mirror->self_ = mirror;
  mirror->host_ = pool->host();
  if (timeout.count() > 0) worker.arm(mirror->timeout_, timeout);
  pool->open(*mirror, false);
  return mirror;
}

Mirror::Mirror(Worker& worker, LocalRef<WorkerCluster> cluster, const HeaderMap& request, bool end)
    : worker_(worker),
      cluster_(std::move(cluster)),
      request_(request),
      account_(CreditAccount::make(nullptr, kMaxQueued)),
      timeout_(timer_calls<&Mirror::on_timeout>, this),
      started_(worker.clock().now()),
      request_complete_(end) {}

Mirror::~Mirror() { account_->release_reference(); }

void Mirror::on_stream(MessageSink& request, UpstreamConnection& /*connection*/) {
  sink_ = &request;
  const bool head_is_all = request_complete_ && queued_.empty();
  request.send_head(request_, head_is_all);
  if (head_is_all) return;
  if (!queued_.empty() || request_complete_) {
    const auto bytes = queued_.view();
    request.send_body({bytes, Credit(*account_, bytes.size())}, request_complete_);
    queued_.clear();
  }
}

void Mirror::add_body(std::string_view bytes, bool end) {
  if (over_) return;
  request_complete_ = end;
  if (queued_.size() + bytes.size() > kMaxQueued || account_->exhausted()) {
    drop();
    return;
  }
  if (sink_ == nullptr) {
    queued_.append(bytes);
  } else {
    sink_->send_body({bytes, Credit(*account_, bytes.size())}, end);
  }
}

void Mirror::abandon() {
  if (over_) return;
  if (auto* sink = std::exchange(sink_, nullptr)) sink->reset(Failure::kLocalReset);
  over();
}

void Mirror::drop() {
  cluster_->stats().add(kRetryOrShadowAbandoned);
  abandon();
}

void Mirror::on_timeout() {
  cluster_->stats().add(kUpstreamRqTimeout);
  cluster_->report_failure(*host_, Failure::kUpstreamTimeout);
  abandon();
}

void Mirror::on_no_stream(Failure failure, std::string_view /*transport_failure*/) {
  cluster_->report_failure(*host_, failure);
  over();
}

void Mirror::on_head(HeaderMap& head, bool end) {
  const uint16_t status = head.status();
  auto& stats = cluster_->stats();
  stats.add(kUpstreamRqCompleted);
  stats.add(class_stat(kUpstreamRq1xx, status));
  stats.count_status(status);
  cluster_->report_response(*host_, head, is_grpc_request(request_), end);
  if (end) on_body({}, true);
}

void Mirror::on_body(BodyChunk /*chunk*/, bool end) {
  if (!end) return;
  cluster_->stats().record(kUpstreamRqTime, elapsed_ms(started_, worker_.clock().now()));
  sink_ = nullptr;
  over();
}

void Mirror::on_trailers(HeaderMap& trailers) {
  if (is_grpc_request(request_)) cluster_->report_grpc_trailers(*host_, trailers);
  on_body({}, true);
}

void Mirror::on_reset(Failure failure) {
  sink_ = nullptr;
  cluster_->report_failure(*host_, failure);
  over();
}

void Mirror::over() {
  over_ = true;
  timeout_.cancel();
  cancel_wait();
  const auto last = std::move(self_);  // may be the last reference: nothing is touched after this
}

}  // namespace remora
