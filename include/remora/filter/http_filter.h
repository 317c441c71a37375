#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "remora/config/filter_overrides.h"
#include "remora/core/clock.h"
#include "remora/core/random.h"
#include "remora/filter/filter_worker.h"
#include "remora/http/exchange_info.h"
#include "remora/http/filter_state.h"
#include "remora/http/stream.h"

namespace remora {

/// An answer that this proxy gives itself instead of the upstream's.
struct LocalReply {
  uint16_t status = 200;
  std::string body;
  std::string_view details;  ///< response code details, static
  ResponseFlag flag = ResponseFlag::kNone;
  std::function<void(HeaderMap&)> edit_head;  ///< may add headers; may be empty
  int16_t grpc_status = -1;                   ///< for gRPC requests; -1: what `status` stands for
};

/// What a filter decided about the head it was shown. Replying is the return value, so that "replied and went
/// on" cannot be written.
class [[nodiscard]] Verdict {
 public:
  enum class Kind : uint8_t { kContinue, kReply, kPause };

  static Verdict go_on() { return Verdict(Kind::kContinue); }
  static Verdict reply(LocalReply answer) {
    Verdict verdict(Kind::kReply);
    verdict.reply_ = std::make_unique<LocalReply>(std::move(answer));
    return verdict;
  }
  /// Holds the exchange (head, body and all) until the Resume taken from FilterContext::pause() is used.
  static Verdict pause() { return Verdict(Kind::kPause); }

  [[nodiscard]] Kind kind() const { return kind_; }
  /// Only for kReply; takes the answer out.
  [[nodiscard]] LocalReply take_reply() { return std::move(*reply_); }

 private:
  explicit Verdict(Kind kind) : kind_(kind) {}
  Kind kind_;
  std::unique_ptr<LocalReply> reply_;
};

/// The right to let a paused exchange go on: move-only and used up by its one use, so that continuing twice
/// cannot be written. Dropping it unused resets the exchange. Using it after the exchange has ended does
/// nothing. Worker thread only.
class Resume {
 public:
  using Target = std::function<void(Verdict)>;
  explicit Resume(Target target) : target_(std::move(target)) {}
  Resume(Resume&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  Resume& operator=(Resume&& other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~Resume();

  void go_on() && { use(Verdict::go_on()); }
  void reply(LocalReply answer) && { use(Verdict::reply(std::move(answer))); }

 private:
  void use(Verdict verdict) {
    if (auto target = std::exchange(target_, nullptr)) target(std::move(verdict));
  }
  Target target_;
};

/// What a filter may use while it handles one exchange. Borrowed during calls; worker thread only.
class FilterContext {
 public:
  virtual ExchangeInfo& info() = 0;
  virtual const Clock& clock() const = 0;
  virtual Random& random() = 0;
  /// This worker's shard number for StatScope::block.
  virtual size_t shard() const = 0;
  /// What outlives the exchange.
  virtual FilterWorker& worker() = 0;
  /// Take this before returning Verdict::pause().
  virtual Resume pause() = 0;
  /// Calls back once after `delay`, unless the exchange ends first.
  virtual void after(Milliseconds delay, std::function<void()> call) = 0;
  /// What filters have found out about this request (%DYNAMIC_METADATA%, and what routes can be matched on),
  /// to add to. It begins with what the connection's listener filters found.
  virtual Metadata& dynamic_metadata() = 0;
  /// Objects for other filters, for access logs (%FILTER_STATE%) and for what chooses the upstream.
  virtual FilterState& filter_state() = 0;
  /// The route is chosen anew, by the head and the metadata as they stand now. Which filters run was decided
  /// before; from the next call on they are told what the new route says to them. Only before the request is
  /// forwarded. Source: Envoy, clear_route_cache.
  virtual void choose_route_again() = 0;
  /// Where no route was found, and the table takes virtual hosts on demand: the one that this request needs.
  [[nodiscard]] virtual std::optional<Demand> missing_virtual_host() const = 0;
  /// As choose_route_again(), in the newest version of the table instead of the one that the request began
  /// with.
  virtual void choose_route_of_newest_table() = 0;
  /// For a filter that pauses until it has seen the request's end: goes on reading beyond the listener's
  /// buffer limit. The filter then answers for how much that may be.
  virtual void read_whole_request() = 0;
  /// The body that the upstream answers with leaves at this rate, at most; of several, the lowest counts.
  /// Before the response begins.
  virtual void limit_response_rate(uint64_t bytes_per_second) = 0;
  /// What the request's place in the route table says to the filter that is being called, most specific place
  /// first: weighted cluster, route, virtual host, table. Empty where nothing does. Valid until on_complete;
  /// ask during calls only.
  [[nodiscard]] RouteFilterConfigs route_configs() const { return route_configs_; }
  /// For whoever runs the chain, before each call: what route_configs() gives to the filter that is called.
  void enter(RouteFilterConfigs configs) { route_configs_ = configs; }

 protected:
  ~FilterContext() = default;

 private:
  RouteFilterConfigs route_configs_;
};

/// The most specific of the configurations that are the calling filter's own; null if there is none.
template <typename Config>
const Config* most_specific(const FilterContext& context) {
  for (const auto* config : context.route_configs()) {
    if (const auto* own = dynamic_cast<const Config*>(config)) return own;
  }
  return nullptr;
}

/// One filter's work on one exchange. Heads may be edited in place; body chunks are seen as they pass.
/// Requests run through the chain forwards, responses backwards; on_complete runs last, whatever happened.
/// Source of the roles: Envoy, HTTP filters.
class HttpFilter {
 public:
  virtual ~HttpFilter() = default;
  /// For filters that a worker's exchanges share: called once, on the worker, before the first exchange.
  virtual void start(FilterWorker& /*worker*/) {}
  virtual Verdict on_request_head(FilterContext& /*context*/, HeaderMap& /*head*/, bool /*end*/) {
    return Verdict::go_on();
  }
  virtual void on_request_body(FilterContext& /*context*/, std::string_view /*bytes*/, bool /*end*/) {}
  /// The request ends with these instead of a last piece of its body.
  virtual void on_request_trailers(FilterContext& /*context*/, HeaderMap& /*trailers*/) {}
  /// May not pause: by now the upstream's body is on its way.
  virtual Verdict on_response_head(FilterContext& /*context*/, HeaderMap& /*head*/, bool /*end*/) {
    return Verdict::go_on();
  }
  virtual void on_response_body(FilterContext& /*context*/, std::string_view /*bytes*/, bool /*end*/) {}
  /// The response ends with these instead of a last piece of its body.
  virtual void on_response_trailers(FilterContext& /*context*/, HeaderMap& /*trailers*/) {}
  /// The exchange is over and its info final: count, log, let go.
  virtual void on_complete(FilterContext& /*context*/) {}
};

/// A filter's validated configuration: immutable, shared by all workers, makes one HttpFilter per exchange.
class FilterFactory {
 public:
  virtual ~FilterFactory() = default;
  /// Envoy's instance name ("envoy.filters.http.fault").
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// A filter for one exchange (or, if stateless(), for one worker).
  [[nodiscard]] virtual std::unique_ptr<HttpFilter> create() const = 0;
  /// A filter without per-exchange state is made once per worker and shared by its exchanges: no allocation
  /// per request.
  [[nodiscard]] virtual bool stateless() const { return false; }
};

}  // namespace remora
