#pragma once

#include "control_plane/leadership.h"
#include "rollout/rollouts.h"

namespace remora::xds {

/// The rollouts as those see them who come to this replica: one that does not lead has none to act on, and
/// says who does. Both outlive this.
class LedRollouts final : public rollout::Rollouts {
 public:
  LedRollouts(rollout::Rollouts& rollouts, const Leadership& leadership)
      : rollouts_(rollouts),
        leadership_(leadership) {}

  void act(const store::ObjectKey& canary, rollout::Action action,
           std::function<void(Result<void>)> done) override {
    if (!leadership_.leads()) return done(Error{leadership_.refusal()});
    rollouts_.act(canary, action, std::move(done));
  }
  boost::json::array view() const override { return rollouts_.view(); }
  std::shared_ptr<void> watch(std::function<void()> changed) override {
    return rollouts_.watch(std::move(changed));
  }

 private:
  rollout::Rollouts& rollouts_;
  const Leadership& leadership_;
};

}  // namespace remora::xds
