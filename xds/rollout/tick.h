#pragma once

#include "rollout/decide.h"

namespace remora::rollout {

/// One tick being thought through: reads the observation, writes the decision. `finished` steps return true.
class Tick {
 public:
  Tick(const Observation& seen, const Answers& answers);

  std::variant<Question, Decision> run();
  Result<Decision> act(Action action);
  Decision terminate();
  Decision give_up(const std::string& why);

 private:
  using Step = std::optional<std::variant<Question, Decision>>;

  // tick.cc: what happens in which phase.
  Step initialize();
  Step initialized(std::string text);
  Step after_the_end();
  Step start_new_revision();
  Step adopt(const Revision& news);
  Step check_primary();
  Step check_revision();
  Step check_canary_ready();
  Step check_rollback_hooks();
  Step analyse();
  Step judge(const std::vector<Check>& checks, bool starting);
  void forget_gone_revisions();

  // tick_copies.cc: where the primary is a copy of the target.
  Step initialize_copy();
  Step check_copy();
  Step check_set_back();

  // strategies.cc: what a passed analysis leads to.
  Step advance();
  Step advance_canary();
  Step advance_iterations();
  Step confirm_promotion();
  void shift_back();
  void finalise();

  // transitions.cc: moves from state to state, and what is said of them.
  void begin_analysis(const std::string& version, bool restart);
  void promote();
  void skip_analysis();
  void roll_back(const std::string& why, const char* decision);
  void fail_promotion(const std::string& why);
  void set_phase(Phase phase);
  void set_weights(Weights weights);
  void refuse_cookie();

  Decision wait_for(const std::string& why);
  Decision done(std::string decision, std::string reason);
  Decision unchanged();
  void say(bool warning, std::string text);
  void alert(istio::AlertSeverity severity, std::string text, bool with_facts = false);

  bool has_hooks(istio::HookType type) const;
  /// The hooks' checks; null: they must be asked first.
  const std::vector<Check>* answered(istio::HookType type) const;
  const Revision* newest_news() const;
  bool is_ready(const Revision* revision, uint32_t threshold) const;
  bool past_deadline(const Revision* revision) const;
  /// The workloads that the primary's requests go to; null where there are none of its revision.
  const Revision* primary() const;
  /// That it was looked at: last_applied, with the configurations that belong to it.
  void apply(const std::string& version);
  std::string target() const { return spec_.target_name + '.' + seen_.ns; }

  const Observation& seen_;
  const Answers& answers_;
  const istio::Canary& spec_;
  const istio::CanaryAnalysis& analysis_;
  Status& next_;  // decision_.next
  Decision decision_;
  std::vector<Check> checks_;  // for the timeline
};

}  // namespace remora::rollout
