#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/cluster.h"
#include "remora/config/demand.h"
#include "remora/config/listener.h"
#include "remora/config/route_table.h"
#include "remora/config/tls.h"

namespace remora {

struct ClusterUpdate {
  std::shared_ptr<const ClusterConfig> config;
  std::shared_ptr<const EndpointSet> endpoints;  // never null; may be empty
};

/// One consistent change of the configuration: only what differs. The server applies it on the main thread
/// and hands it to every worker, which applies it between two events: a request sees all of a batch or none
/// of it. Cost is that of what it carries, never of what is configured. Within a batch, additions take effect
/// before removals (make before break).
struct ConfigBatch {
  std::vector<ClusterUpdate> clusters;
  /// New endpoints for a cluster that itself did not change, by cluster name.
  std::vector<std::pair<std::string, std::shared_ptr<const EndpointSet>>> endpoints;
  std::vector<std::pair<std::string, std::shared_ptr<const RouteTable>>> routes;  // RDS tables by name
  std::vector<std::shared_ptr<const ListenerConfig>> listeners;
  /// Take effect before whatever else the batch holds.
  std::vector<std::shared_ptr<const Secret>> secrets;
  std::vector<std::string> removed_clusters;
  std::vector<std::string> removed_routes;
  std::vector<std::string> removed_listeners;
  std::vector<std::string> removed_secrets;
  /// Answers to ConfigSource::demand(), of whatever this batch or an earlier one holds.
  std::vector<SettledDemand> settled;

  [[nodiscard]] bool empty() const {
    return clusters.empty() && endpoints.empty() && routes.empty() && listeners.empty() && secrets.empty() &&
           removed_secrets.empty() && removed_clusters.empty() && removed_routes.empty() &&
           removed_listeners.empty() && settled.empty();
  }
};

/// Who takes configuration: the server. Thread-safe: implementations post to the main thread and return at
/// once.
class ConfigSink {
 public:
  virtual ~ConfigSink() = default;
  virtual void apply(ConfigBatch batch) = 0;
  /// The source has given everything it was asked for at start (or its initial_fetch_timeout passed):
  /// listeners may open and /ready may say so. Called once.
  virtual void initial_fetch_done() = 0;
};

}  // namespace remora
