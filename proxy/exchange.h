#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filter_run.h"
#include "http/codec.h"
#include "idle_watch.h"
#include "internal_redirect.h"
#include "local_ref.h"
#include "mirror/mirrors.h"
#include "net/byte_queue.h"
#include "net/timer_wheel.h"
#include "remora/config/metadata.h"
#include "remora/config/route_table.h"
#include "remora/filter/http_filter.h"
#include "remora/http/exchange_info.h"
#include "remora/http/stream.h"
#include "request_head.h"
#include "response_pace.h"
#include "retry.h"
#include "route_choice.h"
#include "route_counters.h"
#include "route_headers.h"
#include "upstream_tries.h"
#include "worker_config.h"

namespace remora {

class DownstreamConnection;
class Worker;

/// One request and its response, from the first byte of the one to the last of the other. The file
/// exchange.cc is the life of a request: its methods stand in the order in which they happen. What interrupts
/// that life stands in files of its own: exchange_filters.cc, exchange_limits.cc, exchange_retries.cc,
/// exchange_hedging.cc, exchange_redirect.cc.
///
/// Owned by its downstream connection's worker, recycled when over. Worker thread only.
class Exchange final : public MessageEvents,
                       public Disposable,
                       private FilterContext,
                       private UpstreamTry::Owner {
 public:
  explicit Exchange(Worker& worker);
  ~Exchange() override;

  /// Begins a life: a codec has opened a request stream on `connection`.
  void begin(DownstreamConnection& connection, MessageSink& response, Protocol protocol);

  /// Bytes that were no request: answers `error` as if a request had been there.
  void refuse(HeadError error);
  /// The downstream connection is gone; nothing can be sent any more.
  void on_downstream_gone(Failure failure);
  /// The connection is given up for overload: answers 500, or breaks the answer off that has begun.
  void abort_for_overload();
  /// Nothing can be sent any more; the log says `flag` and `details`.
  void cut_off(ResponseFlag flag, std::string_view details);
  /// How much timeouts are reduced has changed.
  void rescale_timeouts();
  /// Ends whatever is left and forgets everything, ready for begin(). Called at the end of the turn by the
  /// recycler.
  void recycle();

  /// Where its connection keeps it (ExchangeList).
  size_t list_place = 0;

  [[nodiscard]] bool over() const { return phase_ == Phase::kOver; }
  [[nodiscard]] bool response_begun() const { return response_begun_; }

 private:
  enum class Phase : uint8_t { kFresh, kRequestFilters, kForwarding, kOver };

  // The request, as it arrives (MessageEvents).
  void on_informational(HeaderMap& /*head*/) override {}
  void on_head(HeaderMap& head, bool end) override;
  void on_body(BodyChunk chunk, bool end) override;
  void on_trailers(HeaderMap& trailers) override;
  void on_reset(Failure failure) override;

  bool turned_away();
  bool shed_before_upstream();
  bool admit_head();
  [[nodiscard]] size_t most_kept() const;
  void find_route();
  [[nodiscard]] RouteFilters route_filters() const;
  void run_request_filters();
  void on_filters_done();
  void send_to_route();
  void forward();
  void spare_hosts();
  void count_own_answer(uint16_t status);
  void prepare_upstream_head();
  [[nodiscard]] RouteLevels route_levels() const;
  [[nodiscard]] uint64_t weighted_random() const;
  void hash_request();
  bool limit_time();
  void start_mirrors();
  void count_attempt();
  void tell_attempts(HeaderMap& head) const;
  void start_try();
  void request_finished();

  // The upstream (UpstreamTry::Owner).
  void on_try_ready(UpstreamTry& from, MessageSink& request) override;
  void on_try_informational(HeaderMap& head) override;
  void on_try_head(UpstreamTry& from, HeaderMap& head, bool end) override;
  void on_try_body(BodyChunk chunk, bool end) override;
  void on_try_trailers(HeaderMap& trailers) override;
  void on_try_failed(UpstreamTry& from, Failure failure, std::string_view transport_failure) override;
  void log_try(const ExchangeInfo& info) override;
  void begin_try_log();
  void send_held_body(MessageSink& request);
  [[nodiscard]] bool deserves_second_chance(Failure failure) const;
  bool retry_after(const RetryDecision& decision, bool late);
  void hedge();
  [[nodiscard]] bool others_may_answer(const UpstreamTry& one) const;
  bool drop_useless(UpstreamTry& from, const RetryDecision& decision, bool end);
  void settle_on(UpstreamTry& winner);
  void on_slow_try_failed(UpstreamTry& from, Failure failure, std::string_view transport_failure);
  bool follows_redirect(const HeaderMap& head);
  void start_again();
  void on_back_off_over();

  // The response, on its way down.
  void begin_response(HeaderMap& head, bool end);
  void mutate_response_head(HeaderMap& head);
  void send_response_head(bool end);
  void reply_locally(LocalReply reply);
  void break_response_off(Failure failure, std::string_view transport_failure);
  void fail(Failure failure, std::string_view transport_failure);
  void send_response_body(BodyChunk chunk, bool end);
  void send_response_trailers();
  void end_paced();
  void send_paced();
  void finish();

  // Its lines in the logs.
  void log(AccessLogType type);
  void log_beginning();
  void log_tunnel();
  void log_from_time_to_time();
  void on_log_interval();

  // Time.
  void touch() { idle_.touch(clock().now()); }
  void watch_idle(Milliseconds limit);
  void on_idle();
  void on_route_timeout();
  void limit_try();
  void on_per_try_timeout();
  void on_per_try_idle();
  void end_try(Failure failure, size_t counter);
  void watch_try();
  void touch_try() {
    if (per_try_idle_timer_.armed()) watch_try();
  }
  void forget_try();
  void on_max_duration();
  void on_request_timeout();
  void on_filter_timer();
  void cancel_timers();

  // FilterContext.
  ExchangeInfo& info() override { return info_; }
  const Clock& clock() const override;
  Random& random() override;
  size_t shard() const override;
  FilterWorker& worker() override;
  Resume pause() override;
  void after(Milliseconds delay, std::function<void()> call) override;
  Metadata& dynamic_metadata() override;
  FilterState& filter_state() override;
  void limit_response_rate(uint64_t bytes_per_second) override;
  void choose_route_again() override;
  std::optional<Demand> missing_virtual_host() const override;
  void choose_route_of_newest_table() override;
  void read_whole_request() override;

  [[nodiscard]] const HttpConnectionManagerConfig& http() const;
  [[nodiscard]] const RouterConfig& router() const;
  [[nodiscard]] StatBlock& http_stats();

  /// Bodies up to here are kept until the response begins where only a refused stream makes them needed.
  static constexpr size_t kMostForSecondChance = 16 * 1024;

  Worker& worker_;
  DownstreamConnection* connection_ = nullptr;
  MessageSink* response_sink_ = nullptr;  // null once the response is complete or impossible
  Phase phase_ = Phase::kOver;
  uint64_t life_ = 0;  // tells a Resume of an earlier life from one of this

  ExchangeInfo info_;
  std::optional<Metadata> metadata_;  // this request's own, once a filter has something to say
  FilterState filter_state_;
  std::string details_;
  RequestOrigin origin_;
  HeaderMap request_;
  HeaderMap request_trailers_;
  HeaderMap response_;
  HeaderMap response_trailers_;
  bool request_complete_ = false;
  bool has_request_trailers_ = false;
  bool wants_upgrade_ = false;
  bool response_begun_ = false;
  bool head_only_ = false;
  bool reads_whole_request_ = false;  // a paused filter wants all of it, beyond the buffer limit
  uint64_t random_value_ = 0;

  LocalRef<WorkerRoutes> routes_;
  LocalRef<WorkerRoutes> routes_before_;  // filters may still hold what they were told of it
  const VirtualHost* virtual_host_ = nullptr;
  const Route* route_ = nullptr;
  ClusterChoice choice_;
  std::optional<uint64_t> hash_;          // for clusters that choose hosts by it
  std::vector<std::string> new_cookies_;  // that the hash is made of: Set-Cookie of an upstream's response
  LocalRef<WorkerCluster> cluster_;
  RouteCounters counters_;
  FilterRun filters_;

  RedirectHistory redirects_;
  bool redirected_ = false;  // the request waits for its next beginning
  UpstreamTries tries_;
  RetryState retry_;
  std::vector<const HostState*> tried_;  // hosts of earlier attempts, where the policy avoids them
  ByteQueue body_;                       // unsent request body; all of it while it may have to be sent again
  Credit body_credit_;
  bool keep_body_ = false;
  bool second_chance_used_ = false;
  Mirrors mirrors_;
  std::optional<ResponsePace> pace_;  // where a filter limits the rate of the response

  Milliseconds response_timeout_{0};  // of the route, from the request's end; 0: none
  IdleWatch idle_;
  Milliseconds idle_limit_{0};  // as configured
  Timer route_timer_;
  Timer per_try_timer_;
  Timer per_try_idle_timer_;
  Timer max_duration_timer_;
  Timer request_timer_;
  Timer back_off_timer_;
  Timer filter_timer_;
  Timer pace_timer_;
  Timer log_timer_;
  std::function<void()> filter_call_;
};

}  // namespace remora
