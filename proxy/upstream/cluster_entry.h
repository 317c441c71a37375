#pragma once

#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>
#include <vector>

#include "health_check/health_checker.h"
#include "upstream/aperture.h"
#include "upstream/cluster_manager.h"
#include "upstream/outlier.h"

namespace remora {

// What a ClusterManager keeps of each cluster. Main thread only.

/// Outlier detection of one cluster.
struct ClusterManager::Sweeps {
  explicit Sweeps(boost::asio::io_context& io) : timer(io) {}
  std::shared_ptr<StatScope> scope;
  std::unique_ptr<OutlierDetector> detector;
  boost::asio::steady_timer timer;
};

/// The active health checks of one cluster.
struct ClusterManager::Checks {
  std::shared_ptr<StatScope> scope;
  std::unique_ptr<HealthChecker> checker;
  bool warming = false;      // workers do not know this version yet
  bool rebuild_due = false;  // hosts have changed since the last set was made
};

/// How old the endpoints of one cluster may become (endpoint_stale_after).
struct ClusterManager::Age {
  explicit Age(boost::asio::io_context& io) : timer(io) {}
  std::shared_ptr<const EndpointSet> watched;  // null: they do not age
  std::shared_ptr<const EndpointSet> instead;  // null: they are not too old
  boost::asio::steady_timer timer;
};

/// What only some clusters count.
struct ClusterManager::MoreScopes {
  std::shared_ptr<StatScope> remaining[2];  // of breakers: default, high; null without track_remaining
  std::shared_ptr<StatScope> table;         // null: hosts are not chosen by hash
};

/// The aperture of one cluster.
struct ClusterManager::Opening {
  std::shared_ptr<StatScope> scope;
  ApertureRules rules;
  std::string peers;  // the cluster whose hosts this proxy and its peers are; "": it has not been named
};

struct ClusterManager::Entry {
  std::shared_ptr<ClusterRuntime> runtime;
  std::shared_ptr<const EndpointSet> endpoints;
  HostList hosts;
  std::shared_ptr<const HostSet> set;
  std::unique_ptr<Sweeps> sweeps;      // null: no outlier detection
  std::unique_ptr<MoreScopes> scopes;  // null: none of them
  std::unique_ptr<Checks> checks;      // null: no health checks
  std::unique_ptr<Opening> opening;    // null: no aperture
  std::unique_ptr<Age> age;            // null: endpoints have never had an age
  std::vector<std::string> subsets;

  [[nodiscard]] OutlierDetector* outlier() const { return sweeps ? sweeps->detector.get() : nullptr; }
  [[nodiscard]] bool warming() const { return checks != nullptr && checks->warming; }
  [[nodiscard]] const HealthChecks* check_config() const { return runtime->config->health_checks.get(); }
};

}  // namespace remora
