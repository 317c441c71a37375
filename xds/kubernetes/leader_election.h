#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "kubernetes/api_client.h"

namespace remora::kubernetes {

struct LeaderSettings {
  std::string ns;
  std::string name;      ///< the Lease's
  std::string identity;  ///< ours: other than any other replica's, and than our own before a restart
  /// How long others wait for a leader that is silent; Kubernetes' own components have these numbers.
  std::chrono::milliseconds lease_duration{15'000};
  /// For how long we lead without having renewed. Less than lease_duration, so that two never lead at once.
  std::chrono::milliseconds renew_deadline{10'000};
  std::chrono::milliseconds retry_period{2'000};
  /// The annotation of the Lease in which a leader tells the others something; empty: none.
  std::string note_name;
};

/// Chooses one of several replicas, by a Lease (coordination.k8s.io/v1) as Kubernetes' own components do.
/// Another's lease is over when it has not been seen to change for as long as it says, by our clock: what
/// time its holder writes into it does not count. Control thread only.
class LeaderElection {
 public:
  /// `changed` is told whether we lead from now on; it is called with turns. Context and client outlive this.
  LeaderElection(boost::asio::io_context& context, ApiClient& client, LeaderSettings settings,
                 std::function<void(bool leads)> changed);
  LeaderElection(const LeaderElection&) = delete;
  LeaderElection& operator=(const LeaderElection&) = delete;
  ~LeaderElection();

  /// What we tell in the Lease's annotation when we lead; before start().
  void set_note(std::string note) { own_note_ = std::move(note); }
  /// Called when holder() or note() has changed; before start().
  void on_observed(std::function<void()> observed) { observed_ = std::move(observed); }

  void start();
  bool is_leader() const { return leads_; }
  /// Who leads, as seen last; empty: nobody that we know of.
  const std::string& holder() const { return holder_; }
  /// What that one tells; empty: nothing.
  const std::string& note() const { return note_; }
  /// Why the lease could be neither read nor written at the last attempt; empty: it could.
  const std::string& complaint() const { return complaint_; }

  /// Leads no longer, and lets the next one know, so that it need not wait; then calls `done`, at the latest
  /// after retry_period. For a clean stop; start() is not called again.
  void release(std::function<void()> done);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Wish { kHold, kRelease };

  void attempt();
  void on_lease(const Result<ApiAnswer>& answer);
  void observe();
  bool held_by_other() const;
  void write(boost::json::object lease, Wish wish);
  void create();
  void on_written(const Result<ApiAnswer>& answer);
  void failed(const std::string& why);
  void set_leads(bool leads);
  void wait();
  void watch_deadline();
  void finish_release();
  std::string path() const;

  const LeaderSettings settings_;
  ApiClient& client_;
  const std::function<void(bool)> changed_;
  boost::asio::steady_timer retry_;
  boost::asio::steady_timer deadline_;
  std::shared_ptr<void> call_;
  bool leads_ = false;
  std::string holder_;
  std::string note_;
  std::string own_note_;
  std::function<void()> observed_ = [] {};
  std::string seen_;  ///< the Lease's spec as seen last
  Clock::time_point seen_at_;
  std::chrono::milliseconds seen_duration_{0};
  Clock::time_point asked_at_;  ///< when the attempt under way began
  boost::json::object lease_;   ///< as it was read last
  std::string complaint_;       ///< told once, not at every attempt
  std::function<void()> released_;
};

}  // namespace remora::kubernetes
