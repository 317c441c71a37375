#include "filter_fetch.h"

#include <utility>

#include "stats/cluster_stats.h"
#include "stats/http_stats.h"
#include "upstream/pool.h"
#include "worker.h"

namespace remora {

void FilterFetch::start(Worker& worker, const HttpFetch& request, std::function<void(HttpFetched)> done) {
  auto cluster = worker.find_cluster(request.cluster);
  if (!cluster) {
    done({});
    return;
  }
  LocalRef<FilterFetch> fetch(new FilterFetch(worker, std::move(cluster), request, std::move(done)));
  auto pool = fetch->cluster_->pick({.protocol = Protocol::kHttp11, .request = &fetch->request_});
  fetch->self_ = fetch;
  if (!pool) {
    fetch->cluster_->stats().add(kUpstreamCxNoneHealthy);
    fetch->over();
    return;
  }
  fetch->host_ = pool->host();
  worker.arm(fetch->timeout_, request.timeout);
  pool->open(*fetch, false);
}

FilterFetch::FilterFetch(Worker& worker, LocalRef<WorkerCluster> cluster, const HttpFetch& request,
                         std::function<void(HttpFetched)> done)
    : worker_(worker),
      cluster_(std::move(cluster)),
      done_(std::move(done)),
      timeout_(timer_calls<&FilterFetch::on_timeout>, this),
      started_(worker.clock().now()),
      most_bytes_(request.most_bytes) {
  request_.add(HeaderId::kMethod, "GET");
  request_.add(HeaderId::kPath, request.path);
  request_.add(HeaderId::kAuthority, request.authority);
  request_.add(HeaderId::kScheme, "http");
}

FilterFetch::~FilterFetch() = default;

void FilterFetch::on_stream(MessageSink& request, UpstreamConnection& /*connection*/) {
  sink_ = &request;
  request.send_head(request_, true);
}

void FilterFetch::on_no_stream(Failure failure, std::string_view /*transport_failure*/) {
  cluster_->report_failure(*host_, failure, started_);
  over();
}

void FilterFetch::on_head(HeaderMap& head, bool end) {
  answer_.status = head.status();
  auto& stats = cluster_->stats();
  stats.add(kUpstreamRqCompleted);
  stats.add(class_stat(kUpstreamRq1xx, answer_.status));
  stats.count_status(answer_.status);
  cluster_->report_response(*host_, head, false, end, started_);
  if (end) on_body({}, true);
}

void FilterFetch::on_body(BodyChunk chunk, bool end) {
  if (answer_.body.size() + chunk.bytes.size() > most_bytes_) {
    give_up();
    return;
  }
  answer_.body.append(chunk.bytes);
  if (!end) return;
  cluster_->stats().record(kUpstreamRqTime, elapsed_ms(started_, worker_.clock().now()));
  sink_ = nullptr;
  over();
}

void FilterFetch::on_trailers(HeaderMap& /*trailers*/) { on_body({}, true); }

void FilterFetch::on_reset(Failure failure) {
  sink_ = nullptr;
  answer_ = {};
  cluster_->report_failure(*host_, failure, started_);
  over();
}

void FilterFetch::on_timeout() {
  cluster_->stats().add(kUpstreamRqTimeout);
  cluster_->report_failure(*host_, Failure::kUpstreamTimeout, started_);
  give_up();
}

void FilterFetch::give_up() {
  answer_ = {};
  if (auto* sink = std::exchange(sink_, nullptr)) sink->reset(Failure::kLocalReset);
  over();
}

void FilterFetch::over() {
  timeout_.cancel();
  cancel_wait();
  const auto last = std::move(self_);  // may be the last reference: nothing is touched after this
  if (auto done = std::exchange(done_, nullptr)) done(std::move(answer_));
}

}  // namespace remora
