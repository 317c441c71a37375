#pragma once

#include <memory>
#include <string>

#include "health_check/tracker.h"
#include "net/reactor.h"
#include "upstream/client_codecs.h"
#include "upstream/cluster_runtime.h"

namespace remora {

/// What the checks of one version of a cluster have in common. Main thread.
struct CheckedCluster {
  CheckedCluster(Reactor& main, std::shared_ptr<const ClusterRuntime> version, StatBlock& counts)
      : reactor(main),
        runtime(std::move(version)),
        config(*runtime->config->health_checks),
        stats(counts),
        codecs(*runtime, 0) {}

  Reactor& reactor;
  std::shared_ptr<const ClusterRuntime> runtime;
  const HealthChecks& config;
  StatBlock& stats;  // health_check_stat_schema()
  ClientCodecs codecs;
};

class ProbeOwner {
 public:
  /// A check has ended. May come from within Probe::start().
  virtual void on_probe(CheckResult result) = 0;

 protected:
  ~ProbeOwner() = default;
};

/// Asks one host, once for each start(). Keeps its connection in between where the configuration says so.
/// Freed by the reactor at the end of a turn, as everything that has connections.
class Probe {
 public:
  virtual ~Probe() = default;
  /// Only when no check is under way.
  virtual void start() = 0;
  /// Ends the check that is under way without a result, and every connection.
  virtual void close() = 0;
};

/// Whatever kind of check the cluster has. All borrowed; `host` may be replaced by one with the same check.
std::unique_ptr<Probe> make_probe(const std::shared_ptr<CheckedCluster>& cluster,
                                  std::shared_ptr<const Host> host, ProbeOwner& owner);

/// Where the host is asked.
Address check_address(const Endpoint& endpoint);
/// What it is asked as: its own name for checks, else `configured`.
const std::string& check_authority(const Endpoint& endpoint, const std::string& configured);

class Connection;
/// Begins to connect to the host; on_connected() or on_error() of the connection's owner follows. Otherwise
/// says why not.
std::string connect_to_check(const CheckedCluster& cluster, const Endpoint& endpoint, Connection& connection);

}  // namespace remora
