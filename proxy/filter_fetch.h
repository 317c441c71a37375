#pragma once

#include <functional>
#include <string>

#include "local_ref.h"
#include "net/timer_wheel.h"
#include "remora/filter/filter_worker.h"
#include "remora/http/stream.h"
#include "upstream/stream_request.h"
#include "upstream/worker_cluster.h"

namespace remora {

class Worker;

/// A request of a filter's own: sent to a cluster like any other, its whole answer handed over at once. Lives
/// by itself once started.
class FilterFetch final : public LocalCounted, private StreamRequest, private MessageEvents {
 public:
  static void start(Worker& worker, const HttpFetch& request, std::function<void(HttpFetched)> done);
  ~FilterFetch() override;

 private:
  FilterFetch(Worker& worker, LocalRef<WorkerCluster> cluster, const HttpFetch& request,
              std::function<void(HttpFetched)> done);

  void on_stream(MessageSink& request, UpstreamConnection& connection) override;
  void on_no_stream(Failure failure, std::string_view transport_failure) override;
  MessageEvents& response_events() override { return *this; }
  void on_informational(HeaderMap& /*head*/) override {}
  void on_head(HeaderMap& head, bool end) override;
  void on_body(BodyChunk chunk, bool end) override;
  void on_trailers(HeaderMap& trailers) override;
  void on_reset(Failure failure) override;

  void on_timeout();
  void give_up();
  void over();

  Worker& worker_;
  LocalRef<WorkerCluster> cluster_;
  LocalRef<WorkerHost> host_;
  LocalRef<FilterFetch> self_;  // alive until the answer's end
  std::function<void(HttpFetched)> done_;
  HeaderMap request_;
  MessageSink* sink_ = nullptr;
  Timer timeout_;
  MonotonicTime started_;
  size_t most_bytes_;
  HttpFetched answer_;
};

}  // namespace remora
