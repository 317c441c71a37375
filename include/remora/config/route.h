#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/filter_overrides.h"
#include "remora/config/matchers.h"
#include "remora/config/metadata.h"
#include "remora/core/clock.h"
#include "remora/core/format.h"
#include "remora/core/rare.h"

namespace remora {

class StatScope;
struct BodyFormat;  // local_reply.h
struct RouteTree;
struct TlsInfo;

/// Plain structs for envoy.config.route.v3: what a request can be matched on and what then happens to it.
/// Defaults are Envoy's. Built and validated by xds/translate, immutable afterwards, shared by all workers.

/// Source: envoy.config.core.v3.HeaderValueOption.
struct HeaderMutation {
  enum class Action : uint8_t { kAppendOrAdd, kAddIfAbsent, kOverwriteOrAdd, kOverwriteIfExists };
  Action action = Action::kAppendOrAdd;
  std::string name;  // lower-case
  Format value;
  bool keep_empty_value = false;
};

/// One level's edits of one head: removals first, then additions, as Envoy applies them.
struct HeaderMutations {
  RareList<HeaderMutation> add;
  RareList<std::string> remove;  // lower-case
  [[nodiscard]] bool empty() const { return add.empty() && remove.empty(); }
  void apply(HeaderMap& headers, const ExchangeInfo& info) const;
};

/// One step of a list of edits. Source: envoy.config.common.mutation_rules.v3.HeaderMutation.
struct HeaderEdit {
  HeaderMutations mutation;                      // one addition or one removal
  std::optional<StringMatcher> remove_matching;  // else: every field whose name it takes
};
/// One step after the other, each seeing what those before it have done. Pseudo headers and Host stay.
void apply(const std::vector<HeaderEdit>& edits, HeaderMap& headers, const ExchangeInfo& info);

/// Subset keys with their wanted values, sorted by key (metadata_match in the namespace "envoy.lb").
using SubsetMatch = std::vector<std::pair<std::string, MetadataValue>>;
using RareSubsetMatch = RareList<SubsetMatch::value_type>;

/// What a place says to HTTP filters. RouteTable::compile fills in `resolved`: places that say nothing share
/// that of the place around them; null where no place of the table says anything.
struct PlaceFilterConfig {
  RareList<FilterOverride> overrides;  // typed_per_filter_config, sorted by name
  std::shared_ptr<const PlaceFilters> resolved;
};

struct PathMatch {
  /// kTemplate: a URI template (path_match_policy), of which `regex` is the expression.
  enum class Kind : uint8_t { kPrefix, kExact, kSeparatedPrefix, kRegex, kConnect, kTemplate };
  Kind kind = Kind::kPrefix;
  std::string value;  // lower-cased when not case_sensitive; the template as it stands
  bool case_sensitive = true;
  Regex regex;
};

/// What the client's certificate must be. Absent: it does not matter. Without TLS there is none. Source:
/// envoy.config.route.v3.RouteMatch.TlsContextMatchOptions.
struct ClientCertMatch {
  std::optional<bool> presented;
  std::optional<bool> validated;

  /// `tls` is null on plain connections.
  [[nodiscard]] bool matches(const TlsInfo* tls) const;
};

/// Source: envoy.config.route.v3.RouteMatch. All parts must hold.
struct RouteMatch {
  PathMatch path;
  RareList<HeaderMatcher> headers;
  RareList<QueryMatcher> query_parameters;
  RareList<MetadataMatcher> dynamic_metadata;
  RareList<FilterStateMatcher> filter_state;
  Rare<RuntimeFraction> runtime_fraction;
  std::optional<ClientCertMatch> tls_context;
  bool grpc = false;
};

struct WeightedCluster {
  std::string name;
  std::string cluster_header;  // instead of name: the request header that holds it
  uint32_t weight = 0;
  RareSubsetMatch metadata_match;
  HeaderMutations request_headers;
  HeaderMutations response_headers;
  std::string host_rewrite;
  PlaceFilterConfig filters;
};

/// Source: envoy.config.route.v3.RouteAction.RequestMirrorPolicy.
struct MirrorPolicy {
  std::string cluster;
  std::string cluster_header;
  std::optional<RuntimeFraction> fraction;  // absent: every request
  bool append_shadow_suffix = true;         // "-shadow" behind the host
  std::string host_rewrite;
  std::vector<HeaderEdit> request_headers;  // request_headers_mutations
};

/// How the answers of a route's shadows are held against those of its cluster (docs/mirroring.md).
struct ShadowCompare {
  bool body = false;                      // by a digest of both
  uint64_t max_body_bytes = 1024 * 1024;  // of larger ones, the bodies are not compared
  bool operator==(const ShadowCompare&) const = default;
};

/// Ours: what a route says about its shadows, in its metadata under "remora", key "shadow".
struct ShadowSettings {
  size_t max_queued_bytes = 1024 * 1024;  // of the request's body, for one shadow
  std::optional<ShadowCompare> compare;
  bool operator==(const ShadowSettings&) const = default;
};

/// How the path of the forwarded request, or of a redirect, is made.
struct PathRewrite {
  enum class Kind : uint8_t { kNone, kPrefix, kRegex, kWhole, kFormat };
  Kind kind = Kind::kNone;
  std::string value;  // the new prefix, the substitution, or the whole path
  Regex regex;
  std::shared_ptr<const Format> format;  // kFormat: the new path, its query included
  bool operator==(const PathRewrite&) const = default;
};

/// One part of what a request's hash is made of. Source: envoy.config.route.v3.RouteAction.HashPolicy.
struct HashPolicy {
  enum class Kind : uint8_t { kHeader, kCookie, kSourceIp, kQueryParameter, kFilterState };
  Kind kind = Kind::kHeader;
  std::string name;                         // of the header (lower-case), cookie, parameter or object
  std::optional<PathRewrite> rewrite;       // kHeader: a regex's, applied to each value
  std::optional<std::chrono::seconds> ttl;  // kCookie: one is made where there is none; 0: for the session
  std::string path;                         // of that cookie, as its other attributes; may be empty
  std::vector<std::pair<std::string, std::string>> attributes;
  bool terminal = false;  // once there is a hash, what follows does not count
};

/// Bits of RetryPolicy::retry_on. Source: Envoy, x-envoy-retry-on and x-envoy-retry-grpc-on.
enum RetryOn : uint32_t {
  kRetryOn5xx = 1u << 0,
  kRetryOnGatewayError = 1u << 1,
  kRetryOnReset = 1u << 2,
  kRetryOnConnectFailure = 1u << 3,
  kRetryOnEnvoyRateLimited = 1u << 4,
  kRetryOnRetriable4xx = 1u << 5,
  kRetryOnRefusedStream = 1u << 6,
  kRetryOnStatusCodes = 1u << 7,
  kRetryOnHeaders = 1u << 8,
  kRetryOnResetBeforeRequest = 1u << 9,
  kRetryOnGrpcCancelled = 1u << 10,
  kRetryOnGrpcDeadlineExceeded = 1u << 11,
  kRetryOnGrpcInternal = 1u << 12,
  kRetryOnGrpcResourceExhausted = 1u << 13,
  kRetryOnGrpcUnavailable = 1u << 14,
};

/// A response header that says when to come back. Source: envoy.config.route.v3.RetryPolicy.ResetHeader.
struct ResetHeader {
  std::string name;             // lower-case
  bool unix_timestamp = false;  // else: seconds from now
};

struct RetryPolicy {
  uint32_t retry_on = 0;  // RetryOn bits
  uint32_t num_retries = 1;
  std::optional<Milliseconds> per_try_timeout;  // absent: the route's timeout
  Milliseconds per_try_idle_timeout{0};         // without a byte in either direction; 0: none
  std::vector<uint16_t> retriable_status_codes;
  std::vector<HeaderMatcher> retriable_headers;          // of the response
  std::vector<HeaderMatcher> retriable_request_headers;  // empty: every request
  bool avoid_previous_hosts = false;                     // retry_host_predicate previous_hosts
  bool avoid_canary_hosts = false;                       // omit_canary_hosts
  std::vector<SubsetMatch> avoid_hosts_with;             // omit_host_metadata, one list each; never empty
  uint32_t previous_priorities_frequency = 0;            // retry_priority previous_priorities; 0: not there
  uint32_t host_selection_attempts = 1;                  // host_selection_retry_max_attempts
  Milliseconds back_off_base{25};
  Milliseconds back_off_max{250};  // 10 x base
  // rate_limited_retry_back_off: the first of these that a response has, if it is not beyond the maximum.
  std::vector<ResetHeader> reset_headers;
  Milliseconds reset_max{300000};
};

/// What is done about a try that takes too long, beside waiting for it. Source:
/// envoy.config.route.v3.HedgePolicy.
struct HedgePolicy {
  /// After the timeout of a try, the next one begins and the first goes on: whichever answers first wins.
  bool on_per_try_timeout = false;
  bool operator==(const HedgePolicy&) const = default;
};

/// The bits that a comma-separated list names; unknown words are skipped and returned in `unknown` if it is
/// not null.
uint32_t parse_retry_on(std::string_view words, std::vector<std::string>* unknown);

struct HostRewrite {
  enum class Kind : uint8_t { kNone, kLiteral, kHeader, kAuto, kPathRegex, kFormat };
  Kind kind = Kind::kNone;
  std::string value;  // the host, the header's name, or the substitution
  Regex regex;
  std::shared_ptr<const Format> format;  // kFormat
  bool append_x_forwarded_host = false;
  bool operator==(const HostRewrite&) const = default;
};

/// How long a gRPC call may take, from its grpc-timeout. Source: envoy.config.route.v3.RouteAction,
/// max_stream_duration and the older max_grpc_timeout with grpc_timeout_offset.
struct GrpcTimeouts {
  std::optional<Milliseconds> header_max;  ///< the stream ends at grpc-timeout, at most here; 0: no limit
  Milliseconds header_offset{0};           ///< so much earlier
  std::optional<Milliseconds> max;         ///< instead of `timeout`: grpc-timeout, at most this; 0: no limit
  Milliseconds offset{0};                  ///< so much earlier, unless nothing would be left
  bool operator==(const GrpcTimeouts&) const = default;
};

/// Which redirects of an upstream the proxy follows itself. Source:
/// envoy.config.route.v3.InternalRedirectPolicy.
struct InternalRedirect {
  uint32_t max_redirects = 1;  // of one request
  std::vector<uint16_t> statuses{302};
  bool allow_cross_scheme = false;
  std::vector<std::string> response_headers_to_copy;  // lower-case
  // Predicates: what of the routes that they lead to is taken.
  bool previous_routes = false;                            // each route leads to another only once
  bool safe_cross_scheme = false;                          // nobody is led from plain text into TLS
  std::optional<std::vector<std::string>> allowed_routes;  // by name
};

/// The upstream of a CONNECT request speaks TCP, not HTTP: it gets the bytes of the tunnel alone. Source:
/// envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig.
struct TcpTunnel {
  bool allow_post = false;  ///< a POST is taken as a CONNECT is
};

/// Where a request goes. Source: envoy.config.route.v3.RouteAction.
struct RouteAction {
  enum class Target : uint8_t { kCluster, kClusterHeader, kWeighted };
  Target target = Target::kCluster;
  bool weighted_by_hash = false;  // weighted_clusters.use_hash_policy: the request's hash picks
  bool high_priority = false;
  /// max_stream_duration is there, even empty: then `timeout` does not count.
  bool has_stream_duration = false;
  uint16_t cluster_not_found_status = 503;
  std::string cluster;  // or the header's name
  RareList<WeightedCluster> weighted;
  uint64_t total_weight = 0;                      // sum of `weighted`, never 0
  RareValue<std::string> weighted_random_header;  // weighted_clusters.header_name: its value picks
  RareList<HashPolicy> hash_policies;
  std::shared_ptr<const InternalRedirect> internal_redirect;  // null: redirects go to the client
  RareSubsetMatch metadata_match;
  RareValue<PathRewrite> path_rewrite;
  RareValue<HostRewrite> host_rewrite;
  Milliseconds timeout{15000};               // 0: none
  std::optional<Milliseconds> idle_timeout;  // absent: the connection manager's; 0: none
  std::optional<Milliseconds> max_stream_duration;
  RareValue<GrpcTimeouts> grpc_timeouts;
  std::shared_ptr<const RetryPolicy> retry;         // null: the virtual host's
  Rare<HedgePolicy> hedge;                          // null: the virtual host's
  RareList<MirrorPolicy> mirrors;                   // empty: the virtual host's, then the table's
  Rare<TcpTunnel> tcp_tunnel;                       // a CONNECT's bytes go to the upstream as TCP
  RareList<std::pair<std::string, bool>> upgrades;  // upgrade type (lower-case), enabled
};

struct RedirectAction {
  bool https = false;
  std::string scheme;
  std::string host;
  uint32_t port = 0;  // 0: as it is
  PathRewrite path;
  uint16_t status = 301;
  bool strip_query = false;
};

struct DirectResponse {
  uint16_t status = 200;
  std::string body;
  std::shared_ptr<const BodyFormat> format;  // of the body; null: as it is
};

/// Requests that are counted together: statistics vhost.<host>.vcluster.<name>. The one that the rest belongs
/// to is called "other" and asks for nothing. Source: envoy.config.route.v3.VirtualCluster.
struct VirtualCluster {
  std::string name;
  std::vector<HeaderMatcher> headers;  // all must hold
  std::shared_ptr<StatScope> stats;    // route_stats.h
};

/// Routes of a virtual host that belong together: what one action of its tree leads to. Source:
/// envoy.config.route.v3.Route and RouteList as actions of VirtualHost.matcher.
struct RouteGroup {
  uint32_t first = 0;  // of VirtualHost::routes
  uint32_t count = 0;
  std::string place;  // the path to the action, in the virtual host
};

/// What few routes have stands behind pointers: tables have many routes. Source: envoy.config.route.v3.Route.
struct Route {
  enum class Action : uint8_t { kForward, kRedirect, kDirectResponse, kNonForwarding };
  std::string name;
  RouteMatch match;
  Action action = Action::kForward;
  RouteAction forward;
  std::shared_ptr<const RedirectAction> redirect;  // of kRedirect
  std::shared_ptr<const DirectResponse> direct;    // of kDirectResponse
  HeaderMutations request_headers;
  HeaderMutations response_headers;
  std::shared_ptr<const Metadata> metadata;
  RareValue<ShadowSettings> shadow;
  PlaceFilterConfig filters;
  /// vhost.<host>.route.<stat_prefix> (route_stats.h); null: nothing is counted.
  std::shared_ptr<StatScope> stats;
  /// How much of a request's body is kept to be sent again; kConnectionLimit: as much as its connection may.
  uint64_t body_buffer_limit = kConnectionLimit;
  static constexpr uint64_t kConnectionLimit = UINT64_MAX;
};

class HostRoutes;

struct VirtualHost {
  enum class RequireTls : uint8_t { kNone, kExternalOnly, kAll };
  std::string name;
  std::vector<std::string> domains;  // lower-case
  std::vector<Route> routes;         // in order, or where `tree` is set: of one of the groups
  std::shared_ptr<const RouteTree> tree;
  RareList<RouteGroup> groups;  // what the tree leads to; they cover `routes` without gaps
  HeaderMutations request_headers;
  HeaderMutations response_headers;
  RequireTls require_tls = RequireTls::kNone;
  bool include_attempt_count_in_request = false;
  bool include_attempt_count_in_response = false;
  bool include_is_timeout_retry_header = false;
  std::shared_ptr<const RetryPolicy> retry;
  Rare<HedgePolicy> hedge;
  RareList<MirrorPolicy> mirrors;
  PlaceFilterConfig filters;
  RareList<VirtualCluster> virtual_clusters;  // the first that matches; the last matches everything
  uint64_t digest = 0;                        ///< of the bytes that it was made of; 0: not known
  std::shared_ptr<const HostRoutes> index;    ///< of `routes`; by RouteTable::compile
};

/// The virtual hosts of a table, in their order. Tables that follow one another share those that did not
/// change, so that a change costs what it changes. A virtual host never moves. One that a table was compiled
/// with is not to be changed any more.
class VirtualHosts {
 public:
  template <typename Host>
  class Iterator {
   public:
    explicit Iterator(const std::shared_ptr<VirtualHost>* at) : at_(at) {}
    Host& operator*() const { return **at_; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator& other) const = default;

   private:
    const std::shared_ptr<VirtualHost>* at_;
  };

  VirtualHosts() = default;
  VirtualHosts(VirtualHosts&&) = default;
  VirtualHosts& operator=(VirtualHosts&&) = default;
  VirtualHosts(const VirtualHosts&) = delete;  // whoever changed the copy would change the original
  VirtualHosts& operator=(const VirtualHosts&) = delete;
  ~VirtualHosts() = default;

  VirtualHost& emplace_back() { return *hosts_.emplace_back(std::make_shared<VirtualHost>()); }
  VirtualHost& push_back(VirtualHost host) {
    return *hosts_.emplace_back(std::make_shared<VirtualHost>(std::move(host)));
  }
  /// One that others have too.
  void share(std::shared_ptr<VirtualHost> host) { hosts_.push_back(std::move(host)); }
  [[nodiscard]] const std::shared_ptr<VirtualHost>& shared(size_t number) const { return hosts_[number]; }
  void reserve(size_t size) { hosts_.reserve(size); }
  void resize(size_t size) {
    while (hosts_.size() < size) emplace_back();
    hosts_.resize(size);
  }

  [[nodiscard]] size_t size() const { return hosts_.size(); }
  [[nodiscard]] bool empty() const { return hosts_.empty(); }
  VirtualHost& operator[](size_t number) { return *hosts_[number]; }
  const VirtualHost& operator[](size_t number) const { return *hosts_[number]; }
  [[nodiscard]] const VirtualHost& at(size_t number) const { return *hosts_.at(number); }
  Iterator<VirtualHost> begin() { return Iterator<VirtualHost>(hosts_.data()); }
  Iterator<VirtualHost> end() { return Iterator<VirtualHost>(hosts_.data() + hosts_.size()); }
  [[nodiscard]] Iterator<const VirtualHost> begin() const {
    return Iterator<const VirtualHost>(hosts_.data());
  }
  [[nodiscard]] Iterator<const VirtualHost> end() const {
    return Iterator<const VirtualHost>(hosts_.data() + hosts_.size());
  }
  /// The number of one of these; size() if it is none of them. For people to read: the search is linear.
  [[nodiscard]] size_t number_of(const VirtualHost* host) const {
    size_t number = 0;
    while (number < hosts_.size() && hosts_[number].get() != host) ++number;
    return number;
  }
  /// How many of them no other table has.
  [[nodiscard]] size_t unshared() const {
    size_t count = 0;
    for (const auto& host : hosts_) count += host.use_count() == 1 ? 1 : 0;
    return count;
  }

 private:
  std::vector<std::shared_ptr<VirtualHost>> hosts_;
};

/// Source: envoy.config.route.v3.RouteConfiguration.
struct RouteConfig {
  std::string name;
  std::string version;  // the resource's version, for /config_dump and statistics
  VirtualHosts virtual_hosts;
  HeaderMutations request_headers;
  HeaderMutations response_headers;
  std::vector<std::string> internal_only_headers;  // removed from external requests
  bool ignore_port_in_host = false;
  bool ignore_path_parameters = false;  // paths are matched without what follows a ';' in a segment
  std::string vhost_header;             // lower-case; instead of the authority; empty: the authority
  bool most_specific_mutations_win = false;
  RareList<MirrorPolicy> mirrors;
  PlaceFilterConfig filters;
  std::vector<std::string> overridden_filters;  // every name in any `filters`; by RouteTable::compile
  /// Further virtual hosts come and go on their own; with the on_demand filter, those that requests ask for.
  bool vhds = false;
  uint64_t digest = 0;  ///< of the bytes of all but the virtual hosts; 0: not known
};

}  // namespace remora
