#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "rollout/counters.h"
#include "rollout/decide.h"
#include "rollout/environment.h"
#include "rollout/known_configs.h"
#include "rollout/measure.h"
#include "rollout/objects.h"
#include "rollout/outbox.h"
#include "rollout/reconcile_objects.h"
#include "rollout/workloads.h"

namespace remora::rollout {

/// Drives one Canary: at each tick it looks, asks what the decision needs, makes the decision durable in the
/// Canary's status, and then brings the objects to what the status says. Control thread only.
class CanaryJob : public std::enable_shared_from_this<CanaryJob> {
 public:
  /// `changed` is called after each change of view().
  CanaryJob(const Environment& environment, Counters& counters, store::ObjectKey key,
            std::function<void()> changed);

  void start();
  void stop();
  /// The Canary is another one than before.
  void on_change(const store::ObjectPtr& canary);
  /// A workload came or went: a Canary that waits for its first one need not wait for the next tick.
  void on_workload(const store::ObjectKey& workload);
  void act(Action action, std::function<void(Result<void>)> done);

  boost::json::object view() const;
  /// view() of a job that was never started: as the store has it.
  boost::json::object peek();

 private:
  using Then = std::function<void(bool changed)>;

  bool read_canary();
  void observe();
  void look(std::function<void()> then);
  void tick();
  void think();
  void ask(const Question& question);
  void ask_hooks(istio::HookType type);
  void commit(Decision decision, std::function<void(Result<void>)> done);
  void on_written(const Decision& decision, const store::WriteResult& result,
                  const std::function<void(Result<void>)>& done);
  void finish();
  void count_unwritten(const Decision& decision);
  void hold_routes();
  void run_waiting_acts();

  void reconcile(Then then);
  void on_reconciled(Result<Reconciled> result, const Then& then);
  void look_again(std::chrono::milliseconds delay);

  // canary_job_end.cc: leaders, finalizers.
  void sign();
  void follow_workloads();
  bool is_deleted() const;
  bool must_sign() const;
  bool keep_finalizer();
  void give_back();
  void let_go();
  void report_problem(const std::string& problem);

  void announce(const Decision& decision);  // announce.cc
  void send_event(const Event& event);
  void send_alert(const Alert& alert);
  void post_alert(const istio::AlertProvider& provider, const SecretFields& secret, const Alert& alert);
  void lose_alert(const Error& why);
  void update_counters();

  void rest(Time due);
  void schedule(Time due);
  /// When the next tick is due by the status, which alone survives a restart.
  Time next_due() const;
  bool is_active() const;
  bool is_analysed() const;
  std::chrono::milliseconds interval() const;
  /// How long requests get to leave a canary that lost them.
  std::chrono::milliseconds settle_time() const;
  std::chrono::milliseconds retry_delay() const;
  CanaryLabels labels() const;

  const Environment& environment_;
  Counters& counters_;
  const store::ObjectKey key_;
  std::function<void()> changed_;

  /// Whether two versions of a Canary are the same to a rollout.
  static bool same_to_us(const store::Object& a, const store::Object& b);

  store::ObjectPtr object_;
  std::optional<istio::Canary> spec_;
  KnownConfigs configs_;
  bool configs_read_ = false;
  std::unique_ptr<Workloads> workloads_;
  Observation seen_;
  Answers answers_;
  std::string problem_;  // why the objects cannot be made, or the spec not read
  bool told_ = true;     // the status says so

  boost::asio::steady_timer timer_;
  std::shared_ptr<void> operation_;  // what the running tick waits for
  Outbox outbox_;
  uint64_t ticket_ = 0;  // of the running reconciliation; another one means that nobody waits for it any more
  Time due_ = kNever;
  Time not_before_ = kNever;  // until then the objects have not been right for a whole interval
  bool again_ = false;
  bool ticking_ = false;
  bool writing_ = false;
  bool stopped_ = false;
  bool awaits_proxies_ = false;      // nothing but proxies that have not taken their routes keeps pods alive
  bool held_ = false;                // a rollback that could not be stored is in force
  uint32_t failed_writes_ = 0;       // in a row
  uint32_t unwritten_failures_ = 0;  // failed checks that could not be stored either, one an interval
  Time counted_at_ = kNever;
  bool signed_ = false;         // we drove it when we looked last
  Time defer_until_ = kNever;   // somebody else does
  bool missed_change_ = false;  // while a tick was running
  bool missed_workload_ = false;
  std::deque<std::pair<Action, std::function<void(Result<void>)>>> waiting_acts_;
};

}  // namespace remora::rollout
