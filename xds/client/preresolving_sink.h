#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "remora/config/dynamic_forward.h"
#include "remora/config/snapshot.h"

namespace remora::xds {

/// Has the names resolved that clusters want to have before any request, and hands on what it is given.
class PreresolvingSink final : public ConfigSink {
 public:
  using Preresolve = std::function<void(const std::shared_ptr<DnsCache>&)>;
  /// `sink` is borrowed.
  PreresolvingSink(ConfigSink& sink, Preresolve preresolve)
      : sink_(sink),
        preresolve_(std::move(preresolve)) {}

  void apply(ConfigBatch batch) override {
    for (const ClusterUpdate& update : batch.clusters) take(*update.config);
    sink_.apply(std::move(batch));
  }
  /// A cluster that is there.
  void take(const ClusterConfig& cluster) const {
    const auto* forward = cluster.dynamic_forward.get();
    if (forward != nullptr && !forward->cache->config().preresolve.empty()) preresolve_(forward->cache);
  }
  void initial_fetch_done() override { sink_.initial_fetch_done(); }

 private:
  ConfigSink& sink_;
  const Preresolve preresolve_;
};

}  // namespace remora::xds
