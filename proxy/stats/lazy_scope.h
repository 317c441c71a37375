#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "remora/core/stats.h"

namespace remora {

/// A scope that comes into being with its first use, as Envoy's of codecs do, and stays from then on. Any
/// thread; `stats` is borrowed.
class LazyScope {
 public:
  LazyScope(StatsStore& stats, StatSchema schema, ScopeName name)
      : stats_(stats),
        schema_(schema),
        name_(std::move(name)) {}

  StatScope& get() {
    std::call_once(made_, [this] { scope_ = stats_.make_scope(schema_, name_); });
    return *scope_;
  }

 private:
  StatsStore& stats_;
  StatSchema schema_;
  ScopeName name_;
  std::once_flag made_;
  std::shared_ptr<StatScope> scope_;
};

}  // namespace remora
