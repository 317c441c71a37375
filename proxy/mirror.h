#pragma once

#include <string_view>

#include "local_ref.h"
#include "net/byte_queue.h"
#include "net/timer_wheel.h"
#include "remora/config/route.h"
#include "remora/http/stream.h"
#include "upstream/stream_request.h"
#include "upstream/worker_cluster.h"

namespace remora {

class Worker;

/// A shadow of a request: sent beside the real one, its answer thrown away. Never slows the original down: it
/// has a bounded queue of its own and is dropped (and counted) when it falls behind. Lives by itself once
/// started. Source: Envoy, RouteAction.request_mirror_policies.
class Mirror final : public LocalCounted, private StreamRequest, private MessageEvents {
 public:
  /// Empty if the cluster does not exist or has no host. `request` is the head as it goes to the real
  /// upstream, `protocol` what it came in.
  static LocalRef<Mirror> start(Worker& worker, LocalRef<WorkerCluster> cluster, const MirrorPolicy& policy,
                                const HeaderMap& request, Protocol protocol, bool end, Milliseconds timeout);
  ~Mirror() override;

  void add_body(std::string_view bytes, bool end);
  /// The original will not be finished: nor is its shadow.
  void abandon();

  /// Body bytes that may wait for a slow shadow.
  static constexpr size_t kMaxQueued = 1024 * 1024;

 private:
  Mirror(Worker& worker, LocalRef<WorkerCluster> cluster, const HeaderMap& request, bool end);

  void on_stream(MessageSink& request, UpstreamConnection& connection) override;
  void on_no_stream(Failure failure, std::string_view transport_failure) override;
  MessageEvents& response_events() override { return *this; }
  void on_informational(HeaderMap& /*head*/) override {}
  void on_head(HeaderMap& head, bool end) override;
  void on_body(BodyChunk chunk, bool end) override;
  void on_trailers(HeaderMap& trailers) override;
  void on_reset(Failure failure) override;

  void on_timeout();
  void drop();
  void over();

  Worker& worker_;
  LocalRef<WorkerCluster> cluster_;
  LocalRef<WorkerHost> host_;
  LocalRef<Mirror> self_;  // alive until the shadow's own end
  HeaderMap request_;
  ByteQueue queued_;
  MessageSink* sink_ = nullptr;
  CreditAccount* account_;  // counts bytes handed to the connection and not yet written
  Timer timeout_;
  MonotonicTime started_;
  bool request_complete_;
  bool over_ = false;
};

}  // namespace remora
