#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "filter_slots.h"
#include "listener/chain_runtime.h"
#include "local_ref.h"
#include "remora/config/scoped_routes.h"
#include "remora/filter/http_filter.h"
#include "worker_config.h"

namespace remora {

/// One version of a chain's connection manager on one worker. Connections take the newest at each request,
/// so that a changed configuration reaches live connections without closing them; an exchange keeps the one
/// it began with.
class WorkerHttp final : public LocalCounted {
 public:
  WorkerHttp(std::shared_ptr<const ChainRuntime> runtime, FilterWorker& worker)
      : runtime_(std::move(runtime)),
        stats_(runtime_->http_stats->block(worker.shard())),
        responses_(runtime_->response_stats->block(worker.shard())) {
    if (config().routes) inline_routes_ = LocalRef<WorkerRoutes>(new WorkerRoutes(config().routes));
    if (config().scopes) {
      for (const auto& scope : config().scopes->scopes())
        scope_routes_.push_back(scope.routes ? LocalRef<WorkerRoutes>(new WorkerRoutes(scope.routes))
                                             : LocalRef<WorkerRoutes>());
    }
    for (const auto& entry : config().filters) {
      shared_filters_.push_back(entry.factory->stateless() ? entry.factory->create() : nullptr);
      if (shared_filters_.back()) shared_filters_.back()->start(worker);
    }
  }

  [[nodiscard]] const HttpConnectionManagerConfig& config() const { return *runtime_->config.http; }
  [[nodiscard]] const ChainRuntime& runtime() const { return *runtime_; }
  [[nodiscard]] StatBlock& stats() { return stats_; }
  [[nodiscard]] StatBlock& responses() { return responses_; }
  /// Empty when the routes come by name (RDS).
  [[nodiscard]] const LocalRef<WorkerRoutes>& inline_routes() const { return inline_routes_; }
  /// By the number of the scope (ScopedRoutes); empty ones come by name.
  [[nodiscard]] const std::vector<LocalRef<WorkerRoutes>>& scope_routes() const { return scope_routes_; }
  /// One per factory; null where each exchange makes its own.
  [[nodiscard]] const std::vector<std::unique_ptr<HttpFilter>>& shared_filters() const {
    return shared_filters_;
  }
  /// By filter: where `table` keeps what it says to it (FilterSlots).
  std::span<const uint32_t> filter_slots(const RouteTable& table) const {
    return filter_slots_.of(config().filters, table);
  }

 private:
  std::shared_ptr<const ChainRuntime> runtime_;
  StatBlock& stats_;
  StatBlock& responses_;
  LocalRef<WorkerRoutes> inline_routes_;
  std::vector<LocalRef<WorkerRoutes>> scope_routes_;
  std::vector<std::unique_ptr<HttpFilter>> shared_filters_;
  mutable FilterSlots filter_slots_;  // remembers the table asked for last
};

}  // namespace remora
