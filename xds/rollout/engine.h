#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rollout/counters.h"
#include "rollout/environment.h"
#include "rollout/rollouts.h"

namespace remora::rollout {

class CanaryJob;

/// All canaries of a store, each with a job of its own, so that none waits for another. Control thread only.
class Engine : public Rollouts {
 public:
  explicit Engine(Environment environment);
  ~Engine() override;

  /// Takes up all canaries where they stand, and drives them from then on; what drives already goes on.
  void start();
  /// Nothing is written any more, but for what is on its way; another control plane may take over. Until it
  /// is started again, view() tells what the store says, and act() refuses.
  void stop();

  void act(const store::ObjectKey& canary, Action action, std::function<void(Result<void>)> done) override;
  boost::json::array view() const override;
  std::shared_ptr<void> watch(std::function<void()> changed) override;

  /// Flagger's metrics in Prometheus' text format, for /metrics.
  std::string render_metrics(std::string_view version) const;

 private:
  void on_event(const store::Event& event);
  void add(const store::ObjectKey& key);
  void only_watch();
  void changed();

  Environment environment_;
  mutable Counters counters_;  // view() of canaries that another one drives leaves it as it was
  std::map<store::ObjectKey, std::shared_ptr<CanaryJob>> jobs_;
  store::ObjectStore::Watch watch_;
  bool driving_ = false;
  std::vector<std::weak_ptr<std::function<void()>>> listeners_;
};

}  // namespace remora::rollout
