#include "upstream/worker_cluster.h"

#include <algorithm>
#include <iterator>

#include "core/text.h"
#include "net/dial.h"
#include "net/transport.h"
#include "remora/config/balancer.h"
#include "remora/config/dynamic_forward.h"
#include "remora/http/exchange_info.h"
#include "stats/cluster_stats.h"
#include "stats/shadow_stats.h"
#include "upstream/aggregate.h"
#include "upstream/cluster_tls.h"
#include "upstream/destination_table.h"
#include "upstream/downstream_pools.h"
#include "upstream/forward_table.h"
#include "upstream/pool.h"
#include "upstream/requested_host.h"
#include "upstream/worker_clusters.h"

namespace remora {
namespace {

/// The HTTP status that stands for `grpc-status`; 0 if there is none. Source: Envoy, Grpc::Utility.
uint16_t http_status_of_grpc(const HeaderMap& head) {
  const auto text = head.get(HeaderId::kGrpcStatus);
  if (!text) return 0;
  constexpr uint16_t kStatuses[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                    400, 409, 400, 501, 500, 503, 500, 401};
  const auto value = read_number<unsigned>(*text);
  return value && *value < std::size(kStatuses) ? kStatuses[*value] : uint16_t{500};
}

}  // namespace

WorkerHost::WorkerHost(LocalRef<WorkerCluster> cluster, std::shared_ptr<const Host> host)
    : cluster_(std::move(cluster)),
      host_(std::move(host)),
      stats_(host_->state().stats(cluster_->context().shard)) {}

WorkerHost::~WorkerHost() = default;

WorkerCluster::WorkerCluster(UpstreamContext context, std::shared_ptr<const ClusterRuntime> runtime)
    : context_(context),
      runtime_(std::move(runtime)),
      stats_(runtime_->stats->block(context.shard)),
      balancer_(*runtime_->config, {context.shard, context.random, context.reactor.clock()},
                LbStats{&stats_, kLbHealthyPanic, kLbSubsetsSelected, kLbSubsetsFallback,
                        kLbSubsetsFallbackPanic, runtime_->stats.get(), kUpstreamRqActive,
                        runtime_->zone_stats ? &runtime_->zone_stats->block(context.shard) : nullptr}),
      codecs_(*runtime_, context.shard),
      latency_aware_(config().balancer &&
                     (config().lb_policy == LbPolicy::kPeakEwma || config().lb_policy == LbPolicy::kPrequal)),
      load_aware_(config().balancer && config().lb_policy == LbPolicy::kClientSideWeighted),
      watches_latency_(config().outlier && config().outlier->latency),
      per_downstream_(config().pool_per_downstream) {
  if (!config().aggregate.empty()) members_ = std::make_unique<AggregateChoice>(config(), *context_.clusters);
  if (!runtime_->destinations) return;
  DestinationTable::Parts parts{context.reactor,
                                context.shard,
                                stats_,
                                runtime_->destinations,
                                [this](const HostState& host) { drop_pools(host); },
                                [this](const std::shared_ptr<const Host>& host) {
                                  const auto pools = pools_.find(&host->state());
                                  if (pools != pools_.end()) pools->second.set_host(host);
                                }};
  if (config().original_dst) {
    destinations_ = std::make_unique<OriginalDstTable>(*config().original_dst, std::move(parts));
  } else {
    destinations_ = std::make_unique<ForwardTable>(*config().dynamic_forward, std::move(parts));
  }
}

WorkerCluster::~WorkerCluster() = default;

StatBlock& WorkerCluster::origin_stats(bool internal) {
  auto& scope = origin_scopes_[internal ? 1 : 0];
  if (!scope) {
    scope = runtime_->store->make_scope(origin_stat_schema(),
                                        origin_scope_name(cluster_stat_name(config()), internal));
  }
  return scope->block(context_.shard);
}

StatBlock& WorkerCluster::shadow_stats() {
  if (!shadow_scope_) {
    shadow_scope_ =
        runtime_->store->make_scope(shadow_stat_schema(), shadow_scope_name(cluster_stat_name(config())));
  }
  return shadow_scope_->block(context_.shard);
}

void WorkerCluster::set_hosts(std::shared_ptr<const HostSet> hosts) {
  const auto before = std::exchange(hosts_, std::move(hosts));  // whose hosts may be known only to it
  if (pools_.empty()) return;
  HealthEnding ending;
  for (auto& [state, pools] : pools_) pools.follow_health(*state, config().close_on_health_failure, ending);
  std::unordered_map<const HostState*, std::shared_ptr<const Host>> present;
  const ReachedHosts* reached = hosts_->reached();
  for (const auto& host : hosts_->hosts())
    if (reached == nullptr || reached->contains(host.get())) present.emplace(&host->state(), host);
  for (auto entry = pools_.begin(); entry != pools_.end();) {
    const auto found = present.find(entry->first);
    if (found == present.end()) {
      entry->second.retire();
      entry = pools_.erase(entry);
    } else {
      entry->second.set_host(found->second);
      if (config().close_on_host_set_change) entry->second.drain();
      ++entry;
    }
  }
  ending.end();
}

size_t WorkerCluster::close_resting() {
  size_t closed = 0;
  for (auto& [state, of_host] : pools_) closed += of_host.close_resting();
  return closed;
}

void WorkerCluster::retire() {
  retired_ = true;
  if (destinations_) destinations_->clear();
  auto pools = std::move(pools_);
  pools_.clear();
  for (auto& [state, of_host] : pools) of_host.retire();
}

// ---------------------------------------------------------------------------------------------- choosing

const Host* WorkerCluster::choose(const LbContext& context) {
  if (destinations_) return destinations_->pick(context);
  return hosts_ == nullptr ? nullptr : balancer_.pick(*hosts_, context);
}

/// Of a host that was just chosen.
std::shared_ptr<const Host> WorkerCluster::shared(const Host& host) const {
  if (destinations_) return destinations_->last_picked();
  const auto& all = hosts_->hosts();
  return *std::find_if(all.begin(), all.end(),
                       [&host](const auto& candidate) { return candidate.get() == &host; });
}

uint32_t WorkerCluster::priority_of(const WorkerHost& host) const {
  const uint32_t own = host.endpoint().priority;
  return members_ == nullptr ? own : members_->joined(host.cluster().config().name, own);
}

LocalRef<HostPool> WorkerCluster::pick(const LbContext& context) {
  if (members_) return members_->pick(balancer_, context);
  const Host* host = choose(context);
  if (host == nullptr) return {};
  const auto key = key_for(context, host->endpoint());
  if (per_downstream_ && context.own_pools != nullptr && !key.tcp)
    return own_pool(*host, key, *context.own_pools);
  return pool_of(*host, key);
}

HostPools& WorkerCluster::pools_of(const HostState& host) {
  return pools_.try_emplace(&host, host).first->second;
}

LocalRef<HostPool> WorkerCluster::pool_of(const Host& host, const PoolKey& key) {
  auto& pools = pools_of(host.state());
  if (auto known = pools.find(key)) return known;
  LocalRef<HostPool> made(new HostPool(LocalRef<WorkerCluster>(this), shared(host), key));
  // An exchange that began before the cluster was retired may still ask; its pool then lives just for it.
  if (retired_) {
    if (destinations_) destinations_->clear();
    pools_.clear();
    made->retire();
  } else {
    pools.add(made);
  }
  return made;
}

LocalRef<HostPool> WorkerCluster::own_pool(const Host& host, const PoolKey& key, DownstreamPools& own) {
  if (auto known = own.find(host.state(), key)) return known;
  LocalRef<HostPool> made(new HostPool(LocalRef<WorkerCluster>(this), shared(host), key));
  if (retired_) {
    made->retire();
  } else {
    pools_of(host.state()).follow(*made);
    own.add(made);
  }
  return made;
}

void WorkerCluster::bind_to_health(const WorkerHost& host, HealthBound& one) {
  if (config().close_on_health_failure && !retired_) pools_of(host.host().state()).follow(one);
}

void WorkerCluster::drop_pools(const HostState& host) {
  const auto found = pools_.find(&host);
  if (found == pools_.end()) return;
  auto pools = std::move(found->second);
  pools_.erase(found);
  pools.retire();
}

PoolKey WorkerCluster::key_for(const LbContext& context, const Endpoint& endpoint) const {
  PoolKey key{context.tcp ? UpstreamProtocol::kHttp1 : config().protocol, {}};
  key.tcp = context.tcp;
  if (key.protocol == UpstreamProtocol::kDownstream)
    key.protocol = context.protocol == Protocol::kHttp2 ? UpstreamProtocol::kHttp2 : UpstreamProtocol::kHttp1;
  if ((config().auto_sni || config().auto_san_validation) && context.request != nullptr)
    key.name = requested_host(*context.request, config().auto_sni_header);
  if (context.origin != nullptr && !context.origin->source.address.empty())
    key.source = &context.origin->source;
  if (runtime_->tls && runtime_->tls->proxy_header(endpoint) != nullptr) key.ends = context.ends;
  return key;
}

void WorkerCluster::forget(const HostPool& pool) {
  const auto entry = pools_.find(&pool.host()->host().state());
  if (entry != pools_.end()) entry->second.forget(pool);
}

std::string WorkerCluster::first_words(const WorkerHost& host, const DownstreamEnds& ends, int fd) const {
  const ProxyHeader* form = runtime_->tls ? runtime_->tls->proxy_header(host.endpoint()) : nullptr;
  return form == nullptr ? std::string() : proxy_header(*form, ends, fd);
}

Dialled WorkerCluster::dial(const WorkerHost& host, const ConnectionSource& source) {
  return dial_to(host.endpoint().address, source);
}

std::unique_ptr<AddressRace> WorkerCluster::race(const WorkerHost& host, const ConnectionSource& source,
                                                 AddressRace::Result result) {
  const Endpoint& endpoint = host.endpoint();
  if (endpoint.additional_addresses.empty()) return nullptr;
  return std::make_unique<AddressRace>(
      context_.reactor,
      attempt_order(endpoint.address, endpoint.additional_addresses.list(), *config().happy_eyeballs),
      [this, source, &stats = host.stats(), again = false](const Address& address) mutable {
        if (std::exchange(again, true)) {  // Envoy counts every attempt
          stats_.add(kUpstreamCxTotal);
          stats.cx_total.add();
        }
        return dial_to(address, source);
      },
      std::move(result));
}

Dialled WorkerCluster::dial_to(const Address& address, const ConnectionSource& source) {
  const DialOptions options{.source = source,
                            .transparent = !source.address.empty(),
                            .tcp_options = config().socket_options.list()};
  auto dialled = dial_from(config().bind.get(), address, options);
  // A connection that rests somewhere is worth less than one that is needed.
  if (dialled.no_descriptor && context_.clusters != nullptr && context_.clusters->close_resting() > 0)
    dialled = dial_from(config().bind.get(), address, options);
  if (dialled.bind_failed) stats_.add(kBindErrors);
  return dialled;
}

bool WorkerCluster::make_transport(const WorkerHost& host, std::unique_ptr<Transport>& out) const {
  return !runtime_->tls ||
         runtime_->tls->make_transport(host.endpoint(), {.shard = context_.shard, .sni = {}, .san = {}}, out);
}

bool WorkerCluster::make_transport(const WorkerHost& host, UpstreamProtocol protocol, std::string_view name,
                                   std::unique_ptr<Transport>& out) const {
  if (!runtime_->tls) return true;
  static const std::string protocols[] = {"h2", "http/1.1"};
  TransportWish wish{.shard = context_.shard, .sni = {}, .san = {}, .alpn = protocols};
  if (protocol == UpstreamProtocol::kHttp1) wish.alpn = wish.alpn.last(1);
  if (protocol == UpstreamProtocol::kHttp2) wish.alpn = wish.alpn.first(1);
  if (config().auto_sni && !is_ip_text(name)) wish.sni = name;
  // A request without a host names nobody whom a certificate could speak for.
  if (config().auto_san_validation) wish.san = name.empty() ? std::string_view("(no host)") : name;
  return runtime_->tls->make_transport(host.endpoint(), wish, out);
}

bool WorkerCluster::same_transport(const Endpoint& a, const Endpoint& b) const {
  return !runtime_->tls || runtime_->tls->same(a, b);
}

// ---------------------------------------------------------------------------------------------- results

void WorkerCluster::report_connected(const WorkerHost& host) {
  if (members_) return host.cluster().report_connected(host);
  if (config().outlier && config().outlier->split_external_local_origin_errors)
    charge_outlier(host, OutlierResult::kConnected, 0);
}

/// Outlier detection judges by the head alone, as Envoy does: a head without a gRPC status is the HTTP one's.
void WorkerCluster::report_response(const WorkerHost& host, const HeaderMap& head, bool grpc, bool end,
                                    MonotonicTime started) {
  if (members_) return host.cluster().report_response(host, head, grpc, end, started);
  const uint16_t status = head.status();
  const uint16_t grpc_status = grpc ? http_status_of_grpc(head) : 0;
  const uint16_t meant = grpc_status != 0 ? grpc_status : status;
  if (config().outlier) charge_outlier(host, OutlierResult::kResponse, meant);
  note_latency(host, started, meant >= 500);
  report_load(host, head);
  if (meant < 500) watch_latency(host, started);
  if (runtime_->report_unhealthy && head.has(HeaderId::kXEnvoyImmediateHealthCheckFail))
    (*runtime_->report_unhealthy)(config().name, host.host().shared_state());
  if (status >= 500) {
    host.stats().rq_error.add();
  } else if (!grpc) {
    host.stats().rq_success.add();
  } else if (end) {
    report_grpc_trailers(host, head);
  }
}

void WorkerCluster::report_grpc_trailers(const WorkerHost& host, const HeaderMap& trailers) {
  if (members_) return host.cluster().report_grpc_trailers(host, trailers);
  const uint16_t status = http_status_of_grpc(trailers);
  const bool failed = status == 0 || status >= 500;
  (failed ? host.stats().rq_error : host.stats().rq_success).add();
  if (failed) note_latency(host, context_.reactor.clock().now(), true);
}

void WorkerCluster::report_load(const WorkerHost& host, const HeaderMap& headers) {
  if (members_) return host.cluster().report_load(host, headers);
  if (!load_aware_) return;
  const auto& settings = config().balancer->reported;
  const auto report = read_load_report(headers, settings.metrics);
  const auto weight = report ? weight_of(*report, settings.error_penalty) : std::nullopt;
  if (!weight) return;
  const auto now = context_.reactor.clock().now();
  auto& known = host.stats().reported;
  if (known == nullptr) known = std::make_unique<ReportedWeight>(ReportedWeight{.since = now});
  known->weight = *weight;
  known->last = now;
}

/// Who fails at once must not look fast.
void WorkerCluster::note_latency(const WorkerHost& host, MonotonicTime started, bool failed) {
  if (!latency_aware_) return;
  const auto& settings = config().balancer->latency;
  const auto now = context_.reactor.clock().now();
  auto took = now - started;
  if (failed) took = std::max<MonotonicTime::duration>(took, settings.failure_latency);
  host.stats().response_time.add(took, now, settings.decay);
}

/// Errors say nothing here: they are quick, or slow, for reasons of their own, and judged by their number.
void WorkerCluster::watch_latency(const WorkerHost& host, MonotonicTime started) {
  if (watches_latency_) host.stats().add_latency(context_.reactor.clock().now() - started);
}

void WorkerCluster::report_failure(const WorkerHost& host, Failure failure, MonotonicTime started) {
  if (members_) return host.cluster().report_failure(host, failure, started);
  auto result = OutlierResult::kConnectFailed;
  switch (failure) {
    case Failure::kUpstreamTimeout:
    case Failure::kPerTryTimeout:
    case Failure::kPerTryIdleTimeout:
      result = OutlierResult::kTimeout;
      host.stats().rq_timeout.add();
      watch_latency(host, started);
      break;
    case Failure::kOverflow: return;  // our own doing
    default: break;
  }
  host.stats().rq_error.add();
  note_latency(host, started, true);
  if (config().outlier) charge_outlier(host, result, 0);
}

void WorkerCluster::charge_outlier(const WorkerHost& host, OutlierResult result, uint16_t status) {
  const auto events = charge(host.host().state(), context_.shard, *config().outlier, result, status);
  if (!events.any()) return;
  const auto& state = host.host().shared_state();
  const auto report = [&](Ejection kind) { (*runtime_->report_outlier)(config().name, state, kind); };
  if (events.gateway) report(Ejection::kConsecutiveGateway);
  if (events.consecutive_5xx) report(Ejection::kConsecutive5xx);
  if (events.local) report(Ejection::kConsecutiveLocal);
}

}  // namespace remora
