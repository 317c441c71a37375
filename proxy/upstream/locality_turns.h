#pragma once

#include <memory>
#include <vector>

#include "remora/core/random.h"
#include "upstream/edf_schedule.h"
#include "upstream/localities.h"

namespace remora {

/// Whose turn it is among localities: each gets its share by weight. One per cluster and worker.
class LocalityTurns {
 public:
  /// There is a new HostSet.
  void adopt() { schedules_.clear(); }

  const HostChoices& next(const LocalityChoices& localities, Random& random) {
    const auto& shares = localities.shares;
    if (shares.size() == 1) return shares.front().hosts;
    if (schedules_.size() <= localities.id) schedules_.resize(localities.id + 1);
    auto& schedule = schedules_[localities.id];
    if (schedule == nullptr) {
      schedule = std::make_unique<EdfSchedule>(shares.size());
      for (uint32_t i = 0; i < shares.size(); ++i) schedule->add(i, shares[i].weight, random);
    }
    const auto& share = shares[schedule->first()];
    schedule->reschedule_first(share.weight);
    return share.hosts;
  }

 private:
  std::vector<std::unique_ptr<EdfSchedule>> schedules_;  // by LocalityChoices::id
};

}  // namespace remora
