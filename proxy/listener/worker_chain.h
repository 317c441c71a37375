#pragma once

#include <memory>
#include <utility>

#include "listener/chain_runtime.h"
#include "listener/worker_http.h"
#include "local_ref.h"

namespace remora {

/// One filter chain on one worker, held by its connections. It may get another version whose transport is the
/// same: live connections then take its connection manager at their next request.
class WorkerChain final : public LocalCounted {
 public:
  WorkerChain(std::shared_ptr<const ChainRuntime> runtime, FilterWorker& worker)
      : worker_(worker),
        shard_(worker.shard()) {
    update(std::move(runtime));
  }

  void update(std::shared_ptr<const ChainRuntime> runtime) {
    if (runtime == runtime_) return;
    runtime_ = std::move(runtime);
    if (runtime_->config.http) http_ = LocalRef<WorkerHttp>(new WorkerHttp(runtime_, worker_));
  }
  /// It has left its listener: connections end when they can.
  void retire() { retired_ = true; }

  [[nodiscard]] const ChainRuntime& runtime() const { return *runtime_; }
  [[nodiscard]] const std::shared_ptr<const ChainRuntime>& shared_runtime() const { return runtime_; }
  [[nodiscard]] bool retired() const { return retired_; }
  /// Empty for a chain that is not HTTP.
  [[nodiscard]] const LocalRef<WorkerHttp>& http() const { return http_; }
  [[nodiscard]] StatBlock& listener_stats() const { return runtime_->listener_stats->block(shard_); }
  [[nodiscard]] StatBlock& worker_stats() const { return runtime_->worker_stats[shard_ - 1]->block(shard_); }

 private:
  FilterWorker& worker_;
  size_t shard_;
  std::shared_ptr<const ChainRuntime> runtime_;
  LocalRef<WorkerHttp> http_;
  bool retired_ = false;
};

}  // namespace remora
