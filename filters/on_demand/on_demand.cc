#include "on_demand/on_demand.h"

#include <optional>
#include <string>
#include <utility>

#include "common/per_exchange.h"

namespace remora::filters {
namespace {

/// For a virtual host: its message has no setting for it.
constexpr Milliseconds kHostTimeout{5000};

class OnDemandFilter final : public HttpFilter {
 public:
  explicit OnDemandFilter(std::shared_ptr<const OnDemandConfig> config) : config_(std::move(config)) {}

  Verdict on_request_head(FilterContext& context, HeaderMap&, bool) override {
    auto [demand, timeout] = needed(context);
    if (!demand) return Verdict::go_on();
    Waiting& waiting = waiting_.begin(context);
    waiting.resume.emplace(context.pause());
    ask(context, std::move(*demand), timeout);
    return Verdict::pause();
  }

  void on_complete(FilterContext& context) override {
    const Waiting* waiting = waiting_.find(context);
    if (waiting == nullptr) return;
    if (waiting->resume) context.worker().cancel_demand(waiting->demand);
    waiting_.end(context);
  }

 private:
  struct Waiting {
    uint64_t demand = 0;
    bool host_asked = false;
    std::optional<Resume> resume;  // until it goes on
    void reset() {
      demand = 0;
      host_asked = false;
      resume.reset();
    }
  };

  /// What the request cannot go on without: first a virtual host, and once there is a route its cluster.
  std::pair<std::optional<Demand>, Milliseconds> needed(FilterContext& context) {
    const Waiting* waiting = waiting_.find(context);
    if (waiting == nullptr || !waiting->host_asked) {
      if (auto host = context.missing_virtual_host()) return {std::move(host), kHostTimeout};
    }
    const auto* of_route = most_specific<OnDemandConfig>(context);
    const OnDemandConfig& config = of_route == nullptr ? *config_ : *of_route;
    const auto cluster = context.info().route_cluster;
    if (config.clusters == nullptr || cluster.empty() || context.worker().has_cluster(cluster))
      return {std::nullopt, config.timeout};
    return {Demand{{DemandKey::Kind::kCluster, {}, std::string(cluster)}, config.clusters}, config.timeout};
  }

  void ask(FilterContext& context, Demand demand, Milliseconds timeout) {
    const bool host = demand.key.kind == DemandKey::Kind::kVirtualHost;
    Waiting& waiting = *waiting_.find(context);
    waiting.host_asked = waiting.host_asked || host;
    // The exchange takes its demand back before it ends (on_complete), so both are there when this is called.
    waiting.demand =
        context.worker().demand(std::move(demand), timeout, [this, &context, host](DemandResult result) {
          settled(context, host, result == DemandResult::kFound);
        });
  }

  void settled(FilterContext& context, bool host, bool found) {
    if (host && found) {
      context.choose_route_of_newest_table();
      auto [demand, timeout] = needed(context);
      if (demand) return ask(context, std::move(*demand), timeout);
    }
    Resume resume = std::move(*waiting_.find(context)->resume);
    waiting_.end(context);
    std::move(resume).go_on();
  }

  std::shared_ptr<const OnDemandConfig> config_;
  PerExchange<Waiting> waiting_;
};

}  // namespace

std::unique_ptr<HttpFilter> make_on_demand_filter(std::shared_ptr<const OnDemandConfig> config) {
  return std::make_unique<OnDemandFilter>(std::move(config));
}

}  // namespace remora::filters
