#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "remora/filter/http_filter.h"

namespace remora::filters {

/// What a filter that is shared by a worker's exchanges keeps for each of those under way: found by the
/// context, which stays where it is until on_complete. Entries are used again, so that in steady state
/// nothing is allocated. `State` must be assignable from a fresh one by its method reset(). Worker thread
/// only.
template <typename State>
class PerExchange {
 public:
  /// A reset state for this exchange; it must have none yet.
  State& begin(const FilterContext& context) {
    std::unique_ptr<State> state;
    if (spare_.empty()) {
      state = std::make_unique<State>();
    } else {
      state = std::move(spare_.back());
      spare_.pop_back();
    }
    State& kept = *state;
    live_.insert_or_assign(&context, std::move(state));
    return kept;
  }

  /// Null if the exchange has none.
  State* find(const FilterContext& context) {
    if (live_.empty()) return nullptr;
    const auto found = live_.find(&context);
    return found == live_.end() ? nullptr : found->second.get();
  }

  /// Does nothing if there is none.
  void end(const FilterContext& context) {
    if (live_.empty()) return;
    const auto found = live_.find(&context);
    if (found == live_.end()) return;
    found->second->reset();
    if (spare_.size() < kMostSpare) spare_.push_back(std::move(found->second));
    live_.erase(found);
  }

 private:
  static constexpr size_t kMostSpare = 256;
  absl::flat_hash_map<const FilterContext*, std::unique_ptr<State>> live_;
  std::vector<std::unique_ptr<State>> spare_;
};

}  // namespace remora::filters
