#pragma once

#include <optional>
#include <string_view>

#include "idle_watch.h"
#include "local_ref.h"
#include "mirror/comparison.h"
#include "net/byte_queue.h"
#include "net/timer_wheel.h"
#include "remora/config/route.h"
#include "remora/http/exchange_info.h"
#include "remora/http/stream.h"
#include "upstream/stream_request.h"
#include "upstream/worker_cluster.h"

namespace remora {

class Worker;

/// What a shadow is made from: a request as it goes to the real upstream, and what has come of it so far.
/// Borrowed for the call.
struct MirrorRequest {
  const MirrorPolicy& policy;
  const ShadowSettings& settings;
  const ExchangeInfo& info;
  const HeaderMap& head;
  std::string_view body;
  const HeaderMap* trailers = nullptr;
  bool complete = false;
  Milliseconds timeout{0};  ///< from the request's end to that of the answer; 0: none
  Milliseconds idle{0};     ///< without a byte in either direction; 0: none
};

/// A shadow of a request: sent beside the real one, its answer counted and thrown away. Never slows the
/// original down: body that the shadow's upstream does not take waits in a bounded queue, and when that is
/// full, the shadow ends (cluster.<name>.shadow.rq_dropped). Lives by itself once started. Source: Envoy,
/// RouteAction.request_mirror_policies; the comparison is ours (docs/mirroring.md).
class Mirror final : public LocalCounted, private StreamRequest, private MessageEvents {
 public:
  /// Empty if there is no such cluster.
  static LocalRef<Mirror> start(Worker& worker, LocalRef<WorkerCluster> cluster,
                                const MirrorRequest& request);
  ~Mirror() override;

  void add_body(std::string_view bytes, bool end);
  void add_trailers(const HeaderMap& trailers);
  /// The original will not be finished: nor is its shadow.
  void abandon();
  /// What became of the original: once, where the two are compared. nullopt: nothing to compare with.
  void compare_with(std::optional<ShadowAnswer> primary);

  [[nodiscard]] const std::optional<ShadowCompare>& compare() const { return settings_.compare; }
  [[nodiscard]] MonotonicTime started() const { return started_; }

  /// What the queues of one worker's shadows may hold together.
  static constexpr size_t kMaxQueuedOfWorker = 64 * 1024 * 1024;

 private:
  Mirror(Worker& worker, LocalRef<WorkerCluster> cluster, const MirrorRequest& request);

  void on_stream(MessageSink& request, UpstreamConnection& connection) override;
  void on_no_stream(Failure failure, std::string_view transport_failure) override;
  MessageEvents& response_events() override { return *this; }
  void on_informational(HeaderMap& /*head*/) override {}
  void on_head(HeaderMap& head, bool end) override;
  void on_body(BodyChunk chunk, bool end) override;
  void on_trailers(HeaderMap& trailers) override;
  void on_reset(Failure failure) override;

  void open(const MirrorRequest& request);
  [[nodiscard]] bool reserve(size_t bytes);
  void request_finished();
  void on_timeout();
  void on_quiet();
  void reset_stream();
  void drop();
  void fail();
  void do_not_compare();
  void compare_if_both();
  void over();

  Worker& worker_;
  LocalRef<WorkerCluster> cluster_;
  LocalRef<WorkerHost> host_;
  LocalRef<Mirror> self_;  // alive until the shadow's own end
  StatBlock& stats_;
  const ShadowSettings settings_;
  HeaderMap request_;
  std::optional<HeaderMap> trailers_;  // that have come before the stream
  ByteQueue queued_;
  MessageSink* sink_ = nullptr;
  CreditAccount* account_;  // counts bytes handed to the connection and not yet written
  size_t reserved_ = 0;     // of what this worker's shadows may hold
  Timer timeout_;
  IdleWatch idle_;
  const MonotonicTime started_;
  const Milliseconds response_timeout_;
  bool request_complete_ = false;
  bool over_ = false;
  ShadowAnswer answer_;                  // grows as it comes
  std::optional<ShadowAnswer> primary_;  // what it is held against, once that is known
  bool comparable_;
};

}  // namespace remora
