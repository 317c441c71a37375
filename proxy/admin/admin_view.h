#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "remora/config/bootstrap.h"
#include "remora/config/cluster.h"
#include "remora/core/address.h"
#include "remora/core/result.h"

namespace remora {

struct CertificateSet;

/// Numbers are those of the `server.state` gauge. Source: envoy.admin.v3.ServerInfo.State.
enum class ServerState : uint8_t { kLive = 0, kDraining = 1, kPreInitializing = 2, kInitializing = 3 };

/// "LIVE", "DRAINING", "PRE_INITIALIZING", "INITIALIZING".
std::string_view server_state_name(ServerState state);

/// One host of a cluster, summed over all workers.
struct AdminHost {
  const Endpoint* endpoint = nullptr;  ///< borrowed for the visit
  uint64_t cx_active = 0;
  uint64_t cx_connect_fail = 0;
  uint64_t cx_total = 0;
  uint64_t rq_active = 0;
  uint64_t rq_error = 0;
  uint64_t rq_success = 0;
  uint64_t rq_timeout = 0;
  uint64_t rq_total = 0;
  bool failed_outlier_check = false;  ///< ejected by outlier detection
  uint8_t active_health = 0;          ///< bits of ActiveHealth
  double success_rate = -1;           ///< percent, as outlier detection last saw it; -1: not enough requests
  double local_origin_success_rate = -1;
  double latency_ms = -1;  ///< the percentile that ejection by latency goes by; -1: not enough answers
  double aperture = -1;    ///< how much of it counts where only some hosts are spoken to: 0 to 1; -1: all are
  std::string_view last_ejection;  ///< why it was ejected the last time, as in statistics; "": never
};

/// One cluster with its hosts, for /clusters.
struct AdminCluster {
  const ClusterConfig* config = nullptr;  ///< borrowed for the visit
  /// What outlier detection last computed, printed only where the cluster has outlier detection; -1: nothing
  /// yet.
  double success_rate_average = -1;
  double success_rate_ejection_threshold = -1;
  double local_origin_success_rate_average = -1;
  double local_origin_success_rate_ejection_threshold = -1;
  /// In ms, printed only where hosts are ejected by latency; -1: nothing yet.
  double latency_median = -1;
  double latency_ejection_threshold = -1;
  std::vector<AdminHost> hosts;
};

struct AdminListener {
  std::string name;
  Address local_address;                      ///< as bound: the real port
  std::vector<Address> additional_addresses;  ///< as bound
};

struct AdminServerInfo {
  std::string version;  ///< "<revision>/<version>/Clean/RELEASE/<tls library>", as Envoy's
  ServerState state = ServerState::kPreInitializing;
  uint64_t uptime_s = 0;
  const Options* options = nullptr;  ///< borrowed for the call
  const NodeInfo* node = nullptr;    ///< borrowed for the call
};

/// Who start-up still waits for, for /init_dump.
struct UnreadyTargets {
  std::string manager;  ///< "server", or "listener <name>"
  std::vector<std::string> targets;
};

struct DrainRequest {
  bool inbound_only = false;
  bool graceful = false;   ///< drain for --drain-time-s before listeners close
  bool skip_exit = false;  ///< drain connections, keep listening
};

/// All that the admin interface knows of the server it belongs to, and all that it may tell it to do.
/// Implemented by the server, called on the main thread only; nothing blocks. Statistics come from
/// StatsStore, dumps of the configuration from ConfigSource.
class AdminView {
 public:
  virtual ~AdminView() = default;

  /// Calls `visit` for every cluster, ordered by name. One cluster at a time, so that 10,000 cost no more
  /// memory than one.
  virtual void each_cluster(const std::function<void(const AdminCluster&)>& visit) = 0;
  /// The listeners that accept connections, in order of creation.
  virtual std::vector<AdminListener> listeners() = 0;
  virtual AdminServerInfo server_info() = 0;
  /// Calls `visit` for the certificates of every TLS context in use.
  virtual void each_tls_context(const std::function<void(const CertificateSet&)>& visit) = 0;
  /// Empty once the server is initialised.
  virtual std::vector<UnreadyTargets> unready_targets() = 0;
  /// The static runtime layer, flattened.
  virtual const std::map<std::string, std::string>& runtime() = 0;
  /// What would become of the request that `question` describes (JSON, as /explain takes it): JSON. Errors
  /// name the question's field.
  virtual Result<std::string> explain(std::string_view question) = 0;
  /// Brings the gauges of the process up to date (uptime, memory, connections), before statistics are
  /// printed.
  virtual void refresh_stats() = 0;

  /// Components with their level ("trace" .. "off"), ordered by name.
  virtual std::vector<std::pair<std::string, std::string>> log_levels() = 0;
  /// `component` "" means all. Errors: a component or a level that does not exist.
  virtual Result<void> set_log_level(std::string_view component, std::string_view level) = 0;
  virtual void reopen_logs() = 0;

  /// /healthcheck/fail and /healthcheck/ok.
  virtual void set_health_check_failed(bool failed) = 0;
  virtual void drain_listeners(const DrainRequest& request) = 0;
  /// /drain: health checks fail and the inbound side drains; all else goes on.
  virtual void drain_inbound() = 0;
  /// /quitquitquit: ends the process, after the answer to this request has been written.
  virtual void quit() = 0;
};

}  // namespace remora
