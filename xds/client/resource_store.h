#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/repeated_ptr_field.h>

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/child_table.h"
#include "client/extension_table.h"
#include "client/resource_feed.h"
#include "client/resource_types.h"
#include "client/secret_table.h"
#include "client/static_resources.h"
#include "client/virtual_host_sets.h"
#include "client/warming_set.h"
#include "client/warning_log.h"
#include "remora/config/snapshot.h"
#include "translate/cluster.h"
#include "translate/context.h"
#include "translate/listener.h"
#include "translate/route_parts.h"

namespace remora::xds {

using ClusterSet = WarmingSet<TranslatedCluster>;
using ListenerSet = WarmingSet<TranslatedListener>;
using EndpointTable = ChildTable<std::shared_ptr<const EndpointSet>>;
using RoutesTable = ChildTable<std::shared_ptr<const RouteTable>>;

/// Every resource of the process by type and name, static and from the management server: the accepted
/// versions, what warms, what was refused. Turns responses into ConfigBatches that hold only what changed.
/// Unchanged resources (same bytes) are not even parsed. Single-threaded; knows no protocol.
class ResourceStore {
 public:
  explicit ResourceStore(const Environment& environment);

  ResourceStore(const ResourceStore&) = delete;
  ResourceStore& operator=(const ResourceStore&) = delete;

  /// Whether what comes over ADS comes as differences, which virtual hosts on their own need.
  void set_ads_is_delta(bool is_delta) { ads_is_delta_ = is_delta; }
  /// What the bootstrap holds. What is not complete begins to warm.
  void add_static(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const StaticResources& resources,
                  MonotonicTime now, WallTime wall);

  using Resources = google::protobuf::RepeatedPtrField<google::protobuf::Any>;
  /// Takes the good resources of a response and names the bad ones, whose last good version stays. A response
  /// whose resources cannot be told apart (unreadable, of the wrong type, unnamed, named twice) is refused as
  /// a whole.
  /// `source` is the key of where it comes from (ResourceSource::key).
  UpdateResult update(ResourceType type, const std::string& version, const Resources& resources,
                      MonotonicTime now, WallTime wall, const std::string& source = {});

  using DeltaResponse = ResourceReceiver::DeltaResponse;
  /// The same for what has changed, where every resource has a name of its own: only a response that names
  /// one twice is refused as a whole. Clusters and listeners that it removes go; of others only the waiting
  /// for them ends.
  UpdateResult update(ResourceType type, const DeltaResponse& response, MonotonicTime now, WallTime wall,
                      const std::string& source = {});
  /// The source has none of these, so that nobody should wait for them.
  void remove(ResourceType type, const std::string& name, const std::string& source);

  /// Endpoints that no resource holds, by their key; the same ones again where nothing has changed.
  void supply_endpoints(const std::string& key, std::shared_ptr<const EndpointSet> endpoints);

  /// A secret as a secret server gave it: the answer names exactly the one of that key.
  UpdateResult update_secret(const std::string& key, const std::string& version, const Resources& resources,
                             WallTime wall);
  /// Reads secrets anew whose files may be others. True: something changed.
  bool reload_secrets(const std::set<std::string>& keys, WallTime wall);

  /// Requests asked for that cluster by its name: a set of clusters without it does not take it away.
  void set_demanded(const std::string& cluster, bool demanded);

  /// Goes on without what was waited for long enough.
  void expire(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_deadline() const;

  /// A request asks for a virtual host that its table does not have (yet). The answer is in a batch.
  void demand_virtual_host(const Demand& demand) { virtual_hosts_.ask(demand); }
  /// All changes since the last call, as one batch.
  ConfigBatch take_batch();
  /// Clusters and listeners that became active without something they need since the last call, and what.
  struct TimedOut {
    std::vector<std::pair<std::string, NeedKey>> clusters;
    std::vector<std::pair<std::string, NeedKey>> listeners;
  };
  TimedOut take_timed_out() { return std::exchange(timed_out_, {}); }

  /// What is to be asked for, as ADS knows it; empty for types that come as a whole set.
  [[nodiscard]] std::vector<std::string> wanted(ResourceType type) const;
  /// A resource that others name, or name no longer.
  struct Touched {
    std::string name;
    std::shared_ptr<const ResourceSource> source;  // null: ADS
    bool is_wanted = false;
  };
  /// Those since the last call.
  std::vector<Touched> take_touched(ResourceType type);
  /// Where one of those comes from: its name there, and its source (null: ADS).
  struct Origin {
    std::string name;
    std::shared_ptr<const ResourceSource> source;
    [[nodiscard]] std::string source_key() const { return source ? source->key : std::string(); }
  };
  [[nodiscard]] Origin origin_of(ResourceType type, const std::string& key) const;
  /// In which version the resource of that name from there was accepted last; "": it is not here.
  [[nodiscard]] std::string version_of(ResourceType type, const std::string& name,
                                       const std::string& source) const;
  /// Resources whose last update was refused.
  [[nodiscard]] size_t refused_count(ResourceType type) const;
  /// What warms, and what it waits for, in Envoy's words.
  [[nodiscard]] std::vector<std::pair<std::string, std::vector<std::string>>> waiting() const;
  /// Messages with bytes that no field claims, accepted so far.
  [[nodiscard]] uint64_t unknown_fields() const { return unknown_fields_; }
  [[nodiscard]] const ClusterSet& clusters() const { return clusters_; }
  [[nodiscard]] const ListenerSet& listeners() const { return listeners_; }
  [[nodiscard]] const EndpointTable& endpoints() const { return endpoints_; }
  [[nodiscard]] const RoutesTable& routes() const { return routes_; }
  [[nodiscard]] const VirtualHostSets& virtual_hosts() const { return virtual_hosts_; }
  [[nodiscard]] const ExtensionTable& extensions() const { return extensions_; }
  ExtensionTable& extensions() { return extensions_; }
  [[nodiscard]] const SecretTable& secrets() const { return secrets_; }
  SecretTable& secrets() { return secrets_; }

 private:
  /// What clusters, or listeners, need: endpoints or routes, secrets of both, filters' configurations.
  template <typename Own>
  class Keeper final : public NeedKeeper {
   public:
    Keeper(Own& own, SecretTable& secrets, ExtensionTable& extensions, std::string_view kind)
        : own_(own),
          secrets_(secrets),
          extensions_(extensions),
          kind_(kind) {}
    void hold(const NeedKey& key, const std::string& parent) override;
    void release(const NeedKey& key, const std::string& parent) override;
    [[nodiscard]] bool is_settled(const NeedKey& key) const override;

   private:
    Own& own_;
    SecretTable& secrets_;
    ExtensionTable& extensions_;
    const std::string kind_;  // tells a cluster from a listener of the same name
  };
  struct Incoming;
  struct Step;  // what all resources of one response share
  bool read_names(const Step& step, const Resources& resources, std::vector<Incoming>& out,
                  UpdateResult& result) const;
  static bool are_told_apart(const DeltaResponse& response, UpdateResult& result);
  static bool parse(ResourceType type, Incoming& incoming, std::string& error);
  /// Finds the name; the message only if its bytes are new. False, with the reason: it cannot be read.
  bool read(const Step& step, Incoming& incoming, std::string& error) const;
  void expect(ResourceType type, const std::string& key, const std::string& name,
              const std::shared_ptr<const ResourceSource>& source);
  void accept_unchanged(const Step& step, const Incoming& incoming);
  void take(const Step& step, const Incoming& incoming, UpdateResult& result);
  void take_cluster(const Step& step, const Incoming& incoming, Context& context);
  void take_endpoints(const Step& step, const Incoming& incoming, Context& context);
  void take_listener(const Step& step, const Incoming& incoming, Context& context);
  void take_routes(const Step& step, const Incoming& incoming, Context& context);
  void take_secret(const Step& step, const Incoming& incoming, Context& context);
  void offer(const std::string& name, ResourceRecord record, TranslatedCluster translated, MonotonicTime now);
  void offer(const std::string& name, ResourceRecord record, TranslatedListener translated,
             MonotonicTime now);
  void secret_settled(const std::string& key);

  // Filters' configurations that come by themselves.
  void expect_extensions(TranslatedListener& listener, std::vector<Need>& needs);
  bool renew_listeners(const std::string& key, const google::protobuf::Any* config, Context& context);
  void take_extension(const std::string& key, const google::protobuf::Any& config, ResourceRecord record,
                      Context& context);
  void refuse_extension(const std::string& key, RefusedUpdate update);
  void withdraw_extension(const std::string& key, const std::string& version);

  // Virtual hosts that come on their own.
  struct HostChange;
  class TableUpdate;
  UpdateResult update_virtual_hosts(const DeltaResponse& response, WallTime wall, const std::string& source);
  /// Those of a table, made anew where the table's head is not as it was.
  std::vector<std::shared_ptr<VirtualHost>> own_hosts(const std::string& key, const RouteParts& parts,
                                                      Context& context) const;
  void take_claimed(const std::string& key, std::vector<std::pair<std::string, ResourceRecord>> claimed);
  void follow_virtual_hosts(const std::string& key, const RouteParts& parts,
                            const std::shared_ptr<const ResourceSource>& source,
                            std::vector<std::shared_ptr<VirtualHost>> hosts, MonotonicTime now);
  /// Entries of versions that are no longer there, once they may be as many as the others.
  void forget_old_keys(ResourceType type);
  void remove_missing(ResourceType type, const std::vector<Incoming>& incoming);
  [[nodiscard]] const ResourceRecord* latest(ResourceType type, const std::string& key) const;
  [[nodiscard]] bool is_static(ResourceType type, const std::string& name) const;
  void refuse(const Step& step, const Incoming& incoming, const std::string& details, UpdateResult& result);

  void add_cluster_changes(ConfigBatch& batch);
  void add_listener_changes(ConfigBatch& batch);
  void add_secret_changes(ConfigBatch& batch);

  Environment environment_;
  WarningLog warnings_;
  uint64_t unknown_fields_ = 0;
  EndpointTable endpoints_;
  RoutesTable routes_;
  VirtualHostSets virtual_hosts_;
  bool ads_is_delta_ = false;
  SecretTable secrets_;
  ExtensionTable extensions_;
  Keeper<EndpointTable> cluster_needs_{endpoints_, secrets_, extensions_, "cluster "};
  Keeper<RoutesTable> listener_needs_{routes_, secrets_, extensions_, "listener "};
  ClusterSet clusters_{cluster_needs_};
  ListenerSet listeners_{listener_needs_};
  std::map<std::string, Origin> origins_[kResourceTypeCount];  // by key, of what is not ADS's
  std::set<std::string> demanded_clusters_;
  std::set<std::string> delivered_routes_;
  std::set<std::string> delivered_secrets_;
  TimedOut timed_out_;
  /// Keys of accepted resources by the hash of their bytes: finds what is unchanged without parsing it.
  std::unordered_map<uint64_t, std::string> keys_[kResourceTypeCount];
  static constexpr size_t kFirstKeysLimit = 1024;
  size_t keys_limit_[kResourceTypeCount] = {};
};

}  // namespace remora::xds
