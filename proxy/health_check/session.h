#pragma once

#include <memory>

#include "health_check/probe.h"
#include "health_check/tracker.h"
#include "net/reactor.h"
#include "net/timer_wheel.h"

namespace remora {

class CheckSession;

class CheckSessionOwner {
 public:
  /// A result has come and its consequences are flagged. `first`: of this session.
  virtual void on_checked(CheckSession& session, bool success, HealthTransition transition, bool first) = 0;
  /// The cluster has had a connection for requests.
  [[nodiscard]] virtual bool has_traffic() const = 0;

 protected:
  ~CheckSessionOwner() = default;
};

/// The checks of one host, one after the other. Main thread; closed and then given to the reactor to be
/// freed.
class CheckSession final : public Disposable, private ProbeOwner {
 public:
  /// All borrowed but the host.
  CheckSession(const std::shared_ptr<CheckedCluster>& cluster, std::shared_ptr<const Host> host,
               CheckSessionOwner& owner, HealthEvents* events, Random& random);

  void start();
  void close();
  /// The host itself has told a worker to leave it alone.
  void fail_at_once();
  [[nodiscard]] const Host& host() const { return *host_; }
  /// No result has come yet.
  [[nodiscard]] bool first() const { return tracker_.first(); }

 private:
  void on_interval();
  void on_timeout();
  void on_probe(CheckResult result) override;
  HealthTransition judge(const CheckResult& result);

  std::shared_ptr<CheckedCluster> cluster_;
  std::shared_ptr<const Host> host_;
  CheckSessionOwner& owner_;
  Random& random_;
  HealthTracker tracker_;
  std::unique_ptr<Probe> probe_;
  Timer interval_;
  Timer timeout_;
  bool closed_ = false;
};

}  // namespace remora
