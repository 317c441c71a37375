#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <memory>
#include <string>

#include "control_plane/options.h"
#include "kubernetes/leader_election.h"

namespace remora::xds {

/// The Lease that the options name, and who we are in it: `pod_name` (else the host's name), and behind it
/// what no other process has, so that a restarted one is not taken for the one before.
kubernetes::LeaderSettings lease_settings(const Options& options, const std::string& own_namespace,
                                          const std::string& pod_name);

/// Whether we are the one of several control planes over one store that writes: statuses, rollouts, events.
/// All of them serve proxies. Who has a store of its own is alone, and leads from the start. Control thread
/// only.
class Leadership {
 public:
  using Changed = std::function<void(bool leads)>;

  /// `client` null: there is nobody else. `changed` is called with turns, true first; both outlive this.
  Leadership(boost::asio::io_context& context, kubernetes::ApiClient* client,
             kubernetes::LeaderSettings settings, Changed changed);

  /// Where the other replicas reach us while we lead, and who is told when another leader, or its place, is
  /// known. Before start().
  void set_place(const std::string& place, std::function<void()> other_leader);
  /// Where the one that leads is reached; empty where we lead, or nobody is known.
  std::string place_of_leader() const;

  /// Takes part from now on; who is alone leads when this returns.
  void start();
  bool leads() const { return leads_; }
  /// Who we are in the lease; empty where we are alone.
  const std::string& identity() const { return settings_.identity; }
  /// Why something that only the leader does is not done here.
  std::string refusal() const;

  /// What those who look at this replica must know: who leads, and how to look there. Empty where this one
  /// does.
  std::string standing() const;

  /// For people: {leads, leader, identity, lease, timesLeader, problem}; alone: {leads, alone}.
  boost::json::object describe() const;
  /// The same for Prometheus.
  std::string metrics() const;

  /// Leads no longer, says so to the others, and calls `done`, after some seconds at the latest.
  void release(std::function<void()> done);

 private:
  void change(bool leads);

  boost::asio::io_context& context_;
  const kubernetes::LeaderSettings settings_;
  const Changed changed_;
  std::unique_ptr<kubernetes::LeaderElection> election_;  ///< null: we are alone
  bool leads_ = false;
  uint64_t times_leader_ = 0;
};

}  // namespace remora::xds
