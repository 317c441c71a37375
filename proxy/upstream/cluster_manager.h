#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "remora/config/snapshot.h"
#include "remora/core/random.h"
#include "remora/core/stats.h"
#include "upstream/cluster_runtime.h"
#include "upstream/cluster_tls.h"
#include "upstream/ejection_log.h"
#include "upstream/peer_place.h"

namespace boost::asio {
class io_context;
}

namespace remora {

class AccessLogWriter;
class MainReactor;
struct AdminCluster;
struct WorkerBatch;

/// The clusters of the process, on the main thread: their hosts across updates, outlier detection, breakers
/// and statistics. Prepares what workers get. The cost of an update is that of the clusters it names.
class ClusterManager {
 public:
  /// `publish` sends the new hosts of one cluster to all workers.
  using Publish = std::function<void(const std::string& cluster, std::shared_ptr<const HostSet> hosts)>;
  /// `make_tls` makes the contexts of clusters that need one; without it such clusters are refused.
  ClusterManager(boost::asio::io_context& io, StatsStore& stats, Publish publish,
                 MakeClientTls make_tls = {});
  ~ClusterManager();

  /// How a cluster comes to the workers once its hosts have been asked how they are: new ones and new
  /// versions wait for that, those that apply() adds to a batch do not have to.
  using PublishCluster =
      std::function<void(std::shared_ptr<const ClusterRuntime>, std::shared_ptr<const HostSet>)>;
  void on_warm(PublishCluster publish) { publish_cluster_ = std::move(publish); }
  /// How many clusters wait for that now.
  [[nodiscard]] size_t warming() const { return warming_; }
  /// Where events of health checks are written; without it they are not. Borrowed.
  void log_events_to(AccessLogWriter& writer) { event_writer_ = &writer; }

  /// Where ejections and returns of hosts are written; without it they are not.
  void log_ejections_to(std::unique_ptr<EjectionLog> log) { ejections_ = std::move(log); }
  /// What keeps pools from connecting when resources run short. Before apply().
  void heed_overload(std::shared_ptr<const OverloadState> state) { overload_ = std::move(state); }
  /// Where this proxy is, and the cluster that it belongs to: requests stay in their zone as far as that
  /// cluster's zones have proxies and others have hosts. Before apply(). `own` is borrowed.
  void route_in_zones(std::string local_cluster, const Locality& own);

  /// Who this proxy is, which says where it stands among its peers. Before apply(); borrowed.
  void identify(const NodeInfo& node);

  /// Takes the clusters and endpoints of `batch` and adds what workers need to know of them to `out`.
  void apply(const ConfigBatch& batch, WorkerBatch& out);

  void each_cluster(const std::function<void(const AdminCluster&)>& visit) const;
  /// What requests to the cluster of that name meet; both null if there is none.
  struct Found {
    std::shared_ptr<const ClusterConfig> config;
    std::shared_ptr<const HostSet> hosts;
  };
  [[nodiscard]] Found find(const std::string& name) const;
  /// Brings gauges that are only computed when asked for up to date (circuit breakers).
  void refresh_stats();
  [[nodiscard]] size_t size() const { return clusters_.size(); }

 private:
  struct Entry;
  struct MoreScopes;
  struct Checks;
  struct Sweeps;
  struct Age;
  struct Opening;
  /// Clusters whose apertures go by the same peers.
  struct PeerGroup {
    std::set<std::string> followers;
    std::optional<PeerPlace> place;  // nullopt: this proxy is not among them
  };

  void apply_cluster(const ClusterUpdate& update, WorkerBatch& out);
  std::unique_ptr<MoreScopes> make_scopes(const ClusterConfig& config, const std::string& stat_name);
  void set_hosts(Entry& entry, const EndpointSet& endpoints);
  bool take_endpoints(Entry& entry, std::shared_ptr<const EndpointSet> endpoints);
  std::shared_ptr<const EndpointSet> watch_age(Entry& entry, std::shared_ptr<const EndpointSet> endpoints,
                                               bool renewed);
  void on_stale(Entry& entry);
  EndpointList with_kept_hosts(const Entry& entry, const EndpointSet& endpoints) const;
  void rebuild(Entry& entry, const EndpointSet& endpoints);
  void publish_hosts(Entry& entry);
  [[nodiscard]] std::shared_ptr<const HostSet> local_hosts() const;
  void follow_local_hosts(const std::function<void(const Entry&)>& tell);
  void publish_followers(const std::string& changed);
  void start_aperture(Entry& entry, const std::string& stat_name);
  void end_aperture(Entry& entry);
  [[nodiscard]] std::optional<PeerPlace> find_place_in(const std::string& peers) const;
  void follow_peers(const std::string& peers, const std::function<void(const Entry&)>& tell);
  static void report_aperture(const Entry& entry);
  void start_checks(Entry& entry, bool same_name);
  void rebuild_later(Entry& entry);
  void rebuild_after_checks(Entry& entry);
  void set_warming(Entry& entry, bool warming);
  void finish_warming(Entry& entry);
  void start_outlier(Entry& entry);
  OutlierDetector::Report report_ejections_of(const Entry& entry);
  void schedule_sweep(Entry& entry);
  static void refresh_breakers(const Entry& entry);
  void count_change(size_t kind);

  boost::asio::io_context& io_;
  StatsStore& stats_;
  Publish publish_;
  MakeClientTls make_tls_;
  PublishCluster publish_cluster_;
  AccessLogWriter* event_writer_ = nullptr;
  std::unique_ptr<EjectionLog> ejections_;
  std::unique_ptr<MainReactor> reactor_;  // made with the first cluster that has health checks
  std::shared_ptr<const ReportOutlier> report_outlier_;
  std::shared_ptr<const ReportUnhealthy> report_unhealthy_;
  std::shared_ptr<const OverloadState> overload_;
  Random random_;
  std::shared_ptr<StatScope> manager_scope_;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> clusters_;
  size_t warming_ = 0;
  std::string local_cluster_;  // "": none
  const Locality* own_ = nullptr;
  std::shared_ptr<const HostSet> local_hosts_;  // that zones go by now
  const NodeInfo* node_ = nullptr;
  PeerPlace place_by_name_;                                    // where nobody knows the peers
  std::map<std::string, PeerGroup, std::less<>> peer_groups_;  // by the cluster whose hosts they are
};

}  // namespace remora
