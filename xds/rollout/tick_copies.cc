#include "rollout/tick.h"

// Where the primary is a copy that is made of the target: a status asks for it, and what there is may not be
// what was asked for, since others can change both at any time.
namespace remora::rollout {

const Revision* Tick::primary() const {
  if (!seen_.copies) return find_revision(seen_.revisions, next_.primary_revision);
  return seen_.copy && seen_.copy->version == next_.primary_revision ? &*seen_.copy : nullptr;
}

/// First the copy is asked for; once it is ready, requests may go there and nowhere else. A copy that is
/// there already, of this Canary's own or of another controller before, stays as it is.
Tick::Step Tick::initialize_copy() {
  if (seen_.revisions.empty() || !seen_.problem.empty()) {
    return wait_for(target() + " cannot be rolled out" + seen_.hint);
  }
  const std::string& version = seen_.revisions.front().version;
  const std::string& wanted = seen_.copy ? seen_.copy->version : version;
  if (next_.primary_revision != wanted) {
    next_.primary_revision = next_.last_promoted = wanted;
    apply(version);
    return wait_for("the primary of " + target() + " is being made: " + wanted);
  }
  if (!is_ready(primary(), analysis_.primary_ready_threshold)) {
    std::string why = "the primary " + wanted + " is not ready yet";
    if (primary() != nullptr && !primary()->not_ready.empty()) why += ": " + primary()->not_ready;
    return wait_for(why);
  }
  return initialized(wanted + " is the primary");
}

/// Nothing where the copy is what the status says, or can be made so.
Tick::Step Tick::check_copy() {
  if (!seen_.copies || seen_.revisions.empty() || !seen_.problem.empty()) return {};
  const std::string version = seen_.revisions.front().version;
  if (version == next_.primary_revision) return {};
  if (!seen_.copy) {
    const std::string lost = next_.primary_revision;
    next_.primary_revision = next_.last_promoted = version;
    apply(version);
    set_weights({});
    next_.failed_checks = next_.iterations = next_.canary_weight = 0;
    set_phase(Phase::kInitializing);
    say(true, "The primary of " + target() + " with " + lost + " is gone: it is made anew with " + version);
    return done("initialize", next_.message);
  }
  if (seen_.copy->version == next_.primary_revision) return {};
  const std::string lost = next_.primary_revision;
  next_.primary_revision = next_.last_promoted = seen_.copy->version;
  if (version == next_.primary_revision) {
    roll_back(lost + " was taken back before it was promoted", "abort");
    return done("abort", next_.message);
  }
  begin_analysis(version, true);
  return done("start", lost + " was replaced by " + version + " before it was promoted");
}

Decision Tick::terminate() {
  set_phase(Phase::kTerminating);
  say(false, "Terminating canary " + seen_.name + '.' + seen_.ns);
  decision_.again = true;
  return done("abort", next_.message);
}

Decision terminate(const Observation& seen) {
  static const Answers kNone;
  return Tick(seen, kNone).terminate();
}

/// Somebody has given the target the primary's revision back: there is nothing left to analyse.
Tick::Step Tick::check_set_back() {
  if (!seen_.copies || seen_.revisions.empty() || next_.last_applied == next_.primary_revision) return {};
  if (seen_.revisions.front().version != next_.primary_revision) return {};
  roll_back("the target was set back to " + next_.primary_revision, "abort");
  return done("abort", "the target was set back to " + next_.primary_revision);
}

}  // namespace remora::rollout
