#include "fault/fault.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/per_exchange.h"

namespace remora::filters {
namespace {

constexpr std::string_view kDelay = "x-envoy-fault-delay-request";
constexpr std::string_view kDelayShare = "x-envoy-fault-delay-request-percentage";
constexpr std::string_view kAbort = "x-envoy-fault-abort-request";
constexpr std::string_view kAbortGrpc = "x-envoy-fault-abort-grpc-request";
constexpr std::string_view kRate = "x-envoy-fault-throughput-response";
constexpr std::string_view kRateShare = "x-envoy-fault-throughput-response-percentage";
constexpr std::string_view kAbortShare = "x-envoy-fault-abort-request-percentage";

/// A whole number that a caller sends, with blanks around it; nullopt if it is none.
std::optional<uint64_t> number_in(const HeaderMap& head, std::string_view name) {
  std::string_view text = head.get(name).value_or(std::string_view());
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// One request, asked what is to happen to it.
class Question {
 public:
  Question(const FaultConfig& config, const HeaderMap& head) : config_(config), head_(head) {
    const auto found = config.runtime_by_cluster.find(cluster());
    if (found != config.runtime_by_cluster.end()) own_ = &found->second;
  }

  std::string_view cluster() const { return head_.value_of(HeaderId::kXEnvoyDownstreamServiceCluster); }

  bool concerned(std::string_view upstream_cluster) const {
    if (!config_.upstream_cluster.empty() && config_.upstream_cluster != upstream_cluster) return false;
    const auto& nodes = config_.downstream_nodes;
    const std::string_view node = head_.value_of(HeaderId::kXEnvoyDownstreamServiceNode);
    if (!nodes.empty() && !std::ranges::binary_search(nodes, node)) return false;
    return std::ranges::all_of(config_.headers,
                               [this](const HeaderMatcher& matcher) { return matcher.matches(head_); });
  }

  /// How long it is to wait; nothing: not at all.
  std::optional<Milliseconds> delay(Random& random) const {
    if (!config_.delay) return std::nullopt;
    const bool by_header = !config_.delay->fixed;
    if (!hit(config_.delay->share, by_header ? kDelayShare : "", &FaultRuntime::delay_share, random))
      return std::nullopt;
    auto length = config_.delay->fixed;
    if (by_header) {
      constexpr uint64_t kLongest = 24ULL * 3600 * 1000;
      const auto asked = number_in(head_, kDelay);
      if (asked) length = Milliseconds(std::min(*asked, kLongest));
    }
    if (length) length = said(&FaultRuntime::delay).value_or(*length);
    return length && length->count() > 0 ? length : std::nullopt;
  }

  /// How many bytes of its response may leave a second; nothing: no limit.
  std::optional<uint64_t> response_rate(Random& random) const {
    if (!config_.rate_limit) return std::nullopt;
    const auto& limit = *config_.rate_limit;
    const bool by_header = !limit.kib_per_second;
    if (!hit(limit.share, by_header ? kRateShare : "", &FaultRuntime::rate_limit_share, random))
      return std::nullopt;
    constexpr uint64_t kMost = uint64_t{1} << 40;
    const uint64_t rate = by_header ? number_in(head_, kRate).value_or(0) : *limit.kib_per_second;
    if (rate == 0) return std::nullopt;
    return std::min(rate, kMost) * 1024;
  }

  /// The answer that it gets instead of the upstream's.
  std::optional<LocalReply> abort(Random& random) const {
    if (!config_.abort) return std::nullopt;
    const FaultConfig::Abort& abort = *config_.abort;
    if (!hit(abort.share, abort.by_header() ? kAbortShare : "", &FaultRuntime::abort_share, random))
      return std::nullopt;
    LocalReply reply{200, "fault filter abort", "fault_filter_abort", ResponseFlag::kFaultInjected, {}};
    if (const auto status = http_status(abort)) {
      reply.status = *status;
    } else if (const auto grpc = grpc_status(abort)) {
      reply.grpc_status = *grpc;
    } else {
      return std::nullopt;
    }
    return reply;
  }

 private:
  bool hit(Fraction share, std::string_view header, std::optional<Fraction> FaultRuntime::*runtime,
           Random& random) const {
    if (const auto fraction = said(runtime)) return fraction->includes(random.next());
    if (!header.empty()) {
      const auto asked = number_in(head_, header);  // callers can ask for less, not for more
      if (asked && *asked <= UINT32_MAX)
        share.numerator = std::min(share.numerator, static_cast<uint32_t>(*asked));
    }
    return share.includes(random.next());
  }

  std::optional<uint16_t> http_status(const FaultConfig::Abort& abort) const {
    auto status = abort.http_status;
    if (abort.by_header()) {
      const auto asked = number_in(head_, kAbort);
      if (asked && *asked >= 200 && *asked < 600) status = static_cast<uint16_t>(*asked);
    }
    return status ? said(&FaultRuntime::http_status).value_or(*status) : status;
  }
  std::optional<int16_t> grpc_status(const FaultConfig::Abort& abort) const {
    auto status = abort.grpc_status;
    if (abort.by_header()) {
      const auto asked = number_in(head_, kAbortGrpc);
      if (asked && *asked <= INT16_MAX) status = static_cast<int16_t>(*asked);
    }
    return status ? said(&FaultRuntime::grpc_status).value_or(*status) : status;
  }

  /// The runtime's word: that for the downstream's cluster before that for all.
  template <typename Value>
  std::optional<Value> said(std::optional<Value> FaultRuntime::*what) const {
    if (own_ != nullptr && own_->*what) return own_->*what;
    return config_.runtime.*what;
  }

  const FaultConfig& config_;
  const HeaderMap& head_;
  const FaultRuntime* own_ = nullptr;
};

class FaultFilter final : public HttpFilter {
 public:
  explicit FaultFilter(std::shared_ptr<const FaultFilterConfig> config) : config_(std::move(config)) {}

  Verdict on_request_head(FilterContext& context, HeaderMap& head, bool) override {
    const auto* of_route = most_specific<FaultConfig>(context);
    const FaultConfig& fault = of_route == nullptr ? config_->fault : *of_route;
    if (!fault.delay && !fault.abort && !fault.rate_limit) return Verdict::go_on();
    const Question question(fault, head);
    if (!question.concerned(context.info().route_cluster)) return Verdict::go_on();
    limit_response(context, fault, question);
    const auto delay = question.delay(context.random());
    Fault* waiting = delay ? begin(context, fault, question, kDelaysInjected) : nullptr;
    if (waiting != nullptr) {
      waiting->resume.emplace(context.pause());
      context.info().flags.set(ResponseFlag::kDelayInjected);
      context.after(*delay, [this, &context] { delay_over(context); });
      return Verdict::pause();
    }
    auto reply = question.abort(context.random());
    if (!reply || begin(context, fault, question, kAbortsInjected) == nullptr) return Verdict::go_on();
    return Verdict::reply(std::move(*reply));
  }

  void on_complete(FilterContext& context) override {
    if (faults_.find(context) == nullptr) return;
    config_->stats->block(context.shard()).sub(kActiveFaults);
    faults_.end(context);
  }

 private:
  /// Of a request that a fault has met.
  struct Fault {
    const FaultConfig* config = nullptr;  // kept by the exchange, or by the filter
    std::optional<Resume> resume;         // while it waits
    void reset() {
      config = nullptr;
      resume.reset();
    }
  };

  /// A fault meets the request, if no more than allowed are at work. Of several that meet the same one, the
  /// first counts. Null: too many.
  Fault* begin(FilterContext& context, const FaultConfig& config, const Question& question, FaultStat stat) {
    Fault* fault = faults_.find(context);
    if (fault == nullptr) {
      StatBlock& stats = config_->stats->block(context.shard());
      if (config.max_active && config_->stats->active() >= *config.max_active) {
        stats.add(kFaultsOverflow);
        return nullptr;
      }
      fault = &faults_.begin(context);
      fault->config = &config;
      stats.add(kActiveFaults);
      auto& metadata = config.metadata;
      if (!metadata.empty()) context.dynamic_metadata().filters[config_->name].value = metadata;
    }
    config_->stats->injected(stat, config.cluster_stats ? question.cluster() : std::string_view(),
                             context.shard());
    return fault;
  }

  void limit_response(FilterContext& context, const FaultConfig& fault, const Question& question) {
    const auto rate = question.response_rate(context.random());
    if (rate && begin(context, fault, question, kResponseRlInjected) != nullptr)
      context.limit_response_rate(*rate);
  }

  /// A delay may be followed by an abort.
  void delay_over(FilterContext& context) {
    Fault* fault = faults_.find(context);
    if (fault == nullptr || !fault->resume) return;
    Resume resume = std::move(*fault->resume);
    fault->resume.reset();
    const Question question(*fault->config, *context.info().request);
    if (auto reply = question.abort(context.random())) {
      begin(context, *fault->config, question, kAbortsInjected);
      std::move(resume).reply(std::move(*reply));
    } else {
      std::move(resume).go_on();
    }
  }

  std::shared_ptr<const FaultFilterConfig> config_;
  PerExchange<Fault> faults_;
};

}  // namespace

std::unique_ptr<HttpFilter> make_fault_filter(std::shared_ptr<const FaultFilterConfig> config) {
  return std::make_unique<FaultFilter>(std::move(config));
}

}  // namespace remora::filters
