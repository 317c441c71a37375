#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "remora/config/demand.h"
#include "remora/config/metadata.h"
#include "remora/config/report.h"
#include "remora/config/snapshot.h"
#include "remora/core/result.h"

namespace remora {

class StatsStore;
struct OverloadSettings;  // overload.h

/// The command line, after parsing. Names and defaults are Envoy's (operations, command line options).
struct Options {
  enum class Mode : uint8_t { kServe, kValidate, kInitOnly };
  enum class DrainStrategy : uint8_t { kGradual, kImmediate };
  /// At the end of the process: everything at once, or, in a sidecar, the inbound side before what the
  /// application itself calls.
  enum class DrainOrder : uint8_t { kTogether, kInboundFirst };
  std::string config_path;
  std::string config_yaml;
  Mode mode = Mode::kServe;
  uint32_t concurrency = 0;  // 0: from the cgroup CPU quota, then the affinity mask
  std::string log_level = "info";
  std::string component_log_level;
  std::string log_format;
  std::string log_path;
  std::string service_node;
  std::string service_cluster;
  std::string service_zone;
  uint32_t drain_time_s = 600;
  DrainStrategy drain_strategy = DrainStrategy::kGradual;
  DrainOrder drain_order = DrainOrder::kTogether;
  uint32_t minimum_drain_time_s = 0;  ///< of the inbound side, with kInboundFirst
  uint32_t parent_shutdown_time_s = 900;
  uint32_t base_id = 0;
  uint32_t restart_epoch = 0;
  bool disable_hot_restart = false;
  bool allow_unknown_static_fields = false;
  bool reject_unknown_dynamic_fields = false;
  bool ignore_unknown_dynamic_fields = false;
  std::string admin_address_path;
  uint32_t file_flush_interval_msec = 10000;
};

/// The local node. Source: envoy.config.core.v3.Node.
struct NodeInfo {
  std::string id;
  std::string cluster;
  Locality locality;
  MetadataValue::Object metadata;
};

struct AdminConfig {
  Address address;
  std::vector<std::shared_ptr<const AccessLogConfig>> access_logs;
};

/// What a bootstrap says to the data plane; how to reach management servers stays inside xds/.
struct Bootstrap {
  NodeInfo node;
  std::optional<AdminConfig> admin;
  ConfigBatch static_resources;
  bool has_dynamic_resources = false;
  std::map<std::string, std::string> runtime;  // static_layer, flattened: "a.b.c" -> text
  std::vector<double> prometheus_buckets;      // empty: Envoy's defaults
  std::string header_prefix = "x-envoy";
  std::shared_ptr<const OverloadSettings> overload;  // overload_manager and watchdogs; never null
  /// cluster_manager.outlier_detection.event_log_path; "": ejections are not logged.
  std::string ejection_log_path;
  std::string local_cluster;  // cluster_manager.local_cluster_name; "": none
};

/// The configuration side of the process, as proxy/ sees it: implemented in xds/, chosen in proxy/main.cc.
class ConfigSource {
 public:
  virtual ~ConfigSource() = default;

  /// Starts fetching from management servers and pushing statistics, whichever the bootstrap asks for; `sink`
  /// outlives this object. Call once.
  virtual void start(ConfigSink& sink) = 0;
  /// Ends all streams; returns once no further call into the sink can happen.
  virtual void stop() = 0;

  /// A request needs something that is not there. Answered by ConfigBatch::settled with this number or a
  /// later one, in its own time; asking again for what is asked for already costs nothing. Main thread, after
  /// start().
  virtual void demand(Demand demand) = 0;

  /// /config_dump as JSON (envoy.admin.v3.ConfigDump). `resource`, `mask` and `name_regex` as Envoy's query
  /// parameters.
  struct DumpQuery {
    std::string resource;
    std::string mask;
    std::string name_regex;
    bool include_eds = false;
  };
  virtual Result<std::string> config_dump(const DumpQuery& query) = 0;  // any thread

  /// What resources that warm still wait for, for /init_dump: ("Cluster a", {"SdsApi ca"}).
  virtual std::vector<std::pair<std::string, std::vector<std::string>>> waiting() {
    return {};
  }  // any thread
};

struct LoadedBootstrap {
  Bootstrap bootstrap;
  ConfigReport report;                   // warnings; loading fails on errors
  std::unique_ptr<ConfigSource> source;  // never null
};

/// Whether a secret can be used (a key that fits its certificate, PEM that OpenSSL reads), without using it.
/// Its name is empty for content that stands in a resource. Any thread. xds/ asks it before it accepts a
/// resource, so that a refusal reaches the management server with its reason.
using SecretCheck = std::function<Result<void>(const Secret&)>;

/// Reads, merges (--config-yaml over --config-path) and validates a bootstrap, YAML or JSON, strictly through
/// Envoy's protos. The error lists every finding by full path, one a line. Implemented in xds/client.
/// Without `check`, secrets are accepted unjudged.
Result<LoadedBootstrap> load_bootstrap(const Options& options, StatsStore& stats,
                                       const SecretCheck& check = nullptr);

}  // namespace remora
