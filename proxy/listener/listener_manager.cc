#include "listener/listener_manager.h"

#include <algorithm>
#include <utility>

#include "listener/listen_sockets.h"
#include "log.h"
#include "stats/http2_stats.h"
#include "stats/http_stats.h"
#include "stats/listener_filter_stats.h"

namespace remora {
namespace {

enum ManagerStat : size_t {
  kListenerAdded,
  kListenerModified,
  kListenerRemoved,
  kListenerStopped,
  kListenerCreateSuccess,
  kListenerCreateFailure,
  kListenerInPlaceUpdated,
  kTotalListenersActive,
  kTotalListenersDraining,
  kTotalFilterChainsDraining,
  kWorkersStarted
};
constexpr StatDef kManagerStatDefs[] = {
    {"listener_added"},
    {"listener_modified"},
    {"listener_removed"},
    {"listener_stopped"},
    {"listener_create_success"},
    {"listener_create_failure"},
    {"listener_in_place_updated"},
    {"total_listeners_active", StatKind::kGauge},
    {"total_listeners_draining", StatKind::kGauge},
    {"total_filter_chains_draining", StatKind::kGauge},
    {"workers_started", StatKind::kGauge},
};

/// The same sockets serve both.
bool same_sockets(const ListenerConfig& a, const ListenerConfig& b) {
  return a.address == b.address && a.additional_addresses == b.additional_addresses &&
         a.reuse_port == b.reuse_port && a.bind_to_port == b.bind_to_port && a.tcp_backlog == b.tcp_backlog &&
         a.transparent == b.transparent && a.freebind == b.freebind && a.socket_options == b.socket_options;
}

bool same_filter(const ListenerFilter& a, const ListenerFilter& b) {
  return a.kind == b.kind &&
         a.allow_requests_without_proxy_protocol == b.allow_requests_without_proxy_protocol &&
         a.disallow_v1 == b.disallow_v1 && a.disallow_v2 == b.disallow_v2 && a.tlv_rules == b.tlv_rules &&
         a.bind_port == b.bind_port && a.mark == b.mark && a.disabled_ports == b.disabled_ports;
}

/// What a live connection has taken over from its listener is the same in both.
bool same_for_connections(const ListenerConfig& a, const ListenerConfig& b) {
  return a.buffer_limit == b.buffer_limit && a.direction == b.direction && a.stat_prefix == b.stat_prefix &&
         a.use_original_dst == b.use_original_dst && a.bypasses_overload == b.bypasses_overload &&
         std::equal(a.listener_filters.begin(), a.listener_filters.end(), b.listener_filters.begin(),
                    b.listener_filters.end(), same_filter);
}

std::string stat_prefix(const ListenerConfig& config) {
  auto prefix = config.stat_prefix.empty() ? config.address.to_string() : config.stat_prefix;
  std::replace(prefix.begin(), prefix.end(), ':', '_');
  return prefix;
}

}  // namespace

ListenerManager::ListenerManager(StatsStore& stats, AccessLogWriter& logs, size_t workers,
                                 MakeServerTls make_tls)
    : stats_(stats),
      logs_(logs),
      workers_(workers),
      make_tls_(std::move(make_tls)),
      scope_(stats.make_scope(kManagerStatDefs, {"listener_manager.", "envoy_listener_manager_", {}, {}})),
      http2_stats_(std::make_shared<LazyScope>(stats, http2_stat_schema(), downstream_http2_scope_name())) {
  scope_->block(0).set(kWorkersStarted, 1);
}

ListenerManager::~ListenerManager() = default;

void ListenerManager::count_change(size_t kind) {
  scope_->block(0).add(kind);
  scope_->block(0).set(kTotalListenersActive, listeners_.size());
}
void ListenerManager::count_failure() { scope_->block(0).add(kListenerCreateFailure); }
void ListenerManager::count_success() { scope_->block(0).add(kListenerCreateSuccess, workers_); }

Result<std::shared_ptr<const ListenerRuntime>> ListenerManager::make_runtime(
    std::shared_ptr<const ListenerConfig> config, const ListenerRuntime* heritage) {
  auto index = FilterChainIndex::build(config->filter_chains);
  if (!index) return std::move(index).error();
  const auto prefix = stat_prefix(*config);
  auto runtime = std::make_shared<ListenerRuntime>(ListenerRuntime{
      config, stats_.make_scope(listener_stat_schema(), listener_scope_name(prefix)), {}, std::move(*index)});
  runtime->filter_stats = make_filter_stats(*config);
  auto files = open_logs(logs_, config->access_logs);
  if (!files) return std::move(files).error();
  runtime->logs = std::move(*files);
  runtime->guards = guards_of(*config);
  if (config->exact_balance) runtime->balance = std::make_shared<ConnectionBalance>();
  ChainMaker maker(stats_, logs_, make_tls_, *runtime, prefix, workers_, http2_stats_);
  ChainHeritage inherited(heritage);
  for (size_t i = 0; i <= config->filter_chains.size(); ++i) {
    const bool is_default = i == config->filter_chains.size();
    if (is_default && !config->default_filter_chain) break;
    const auto& chain = is_default ? *config->default_filter_chain : config->filter_chains[i];
    const auto predecessor = inherited.take(chain, is_default);
    if (predecessor.same) {
      runtime->chains.push_back({heritage->chains[predecessor.number].runtime, predecessor.number});
      continue;
    }
    auto made = maker.make(chain);
    if (!made) return std::move(made).error();
    runtime->chains.push_back({std::move(*made), predecessor.number});
  }
  return std::shared_ptr<const ListenerRuntime>(std::move(runtime));
}

void ListenerManager::guard(ListenerGuards guards, bool limit_bypassed) {
  guards_ = std::move(guards);
  limit_bypassed_ = limit_bypassed;
}

ListenerGuards ListenerManager::guards_of(const ListenerConfig& config) const {
  ListenerGuards guards = guards_;
  if (!config.bypasses_overload) return guards;
  guards.overload = nullptr;
  if (limit_bypassed_) guards.limit = nullptr;
  return guards;
}

ListenerFilterStats ListenerManager::make_filter_stats(const ListenerConfig& config) {
  ListenerFilterStats made;
  for (const auto& filter : config.listener_filters) {
    switch (filter.kind) {
      case ListenerFilter::Kind::kTlsInspector:
        made.tls = stats_.make_scope(tls_inspector_stat_schema(), tls_inspector_scope_name());
        break;
      case ListenerFilter::Kind::kHttpInspector:
        made.http = stats_.make_scope(http_inspector_stat_schema(), http_inspector_scope_name());
        break;
      case ListenerFilter::Kind::kProxyProtocol:
        made.proxy = stats_.make_scope(proxy_protocol_stat_schema(), proxy_protocol_scope_name());
        break;
      case ListenerFilter::Kind::kOriginalDst:
      case ListenerFilter::Kind::kOriginalSrc: break;
    }
  }
  return made;
}

Result<void> ListenerManager::add(std::shared_ptr<const ListenerConfig> config,
                                  std::vector<WorkerBatch>& out) {
  const auto found = listeners_.find(config->name);
  const Bound* old = found == listeners_.end() ? nullptr : &found->second;
  const bool in_place = old != nullptr && same_sockets(*old->runtime->config, *config);
  const bool inherits = in_place && same_for_connections(*old->runtime->config, *config);
  auto runtime = make_runtime(config, inherits ? old->runtime.get() : nullptr);
  if (!runtime) return std::move(runtime).error().in("listener '" + config->name + "'");
  Bound bound{*runtime, {}};
  std::vector<std::vector<int>> sockets(workers_);
  if (in_place) {
    bound.addresses = old->addresses;
  } else if (config->bind_to_port) {
    auto made = bind_listener(*config, workers_, bound.addresses);
    if (!made) return std::move(made).error().in("listener '" + config->name + "'");
    sockets = std::move(*made);
  }
  for (size_t worker = 0; worker < workers_; ++worker)
    out[worker].listeners.push_back({bound.runtime, in_place, std::move(sockets[worker])});
  if (old == nullptr) order_.push_back(config->name);
  for (const auto& address : bound.addresses)
    log_info("listener", "listener '{}' at {}", config->name, address.to_string());
  if (old != nullptr) note_draining(*old->runtime, in_place ? runtime->get() : nullptr);
  const bool is_same = old != nullptr && config->hash != 0 && old->runtime->config->hash == config->hash;
  listeners_[config->name] = std::move(bound);
  if (is_same) return {};  // only what its filters are told is new
  count_change(old == nullptr ? kListenerAdded : kListenerModified);
  if (in_place) scope_->block(0).add(kListenerInPlaceUpdated);
  count_success();
  return {};
}

void ListenerManager::remove(const std::string& name, std::vector<WorkerBatch>& out) {
  const auto found = listeners_.find(name);
  if (found == listeners_.end()) return;
  note_draining(*found->second.runtime, nullptr);
  listeners_.erase(found);
  std::erase(order_, name);
  for (auto& batch : out) batch.removed_listeners.push_back(name);
  count_change(kListenerRemoved);
}

/// Remembers what leaves with a version: it drains as long as a connection holds it. `next`: the version that
/// follows on the same sockets; null: the whole listener leaves.
void ListenerManager::note_draining(const ListenerRuntime& old, const ListenerRuntime* next) {
  if (next == nullptr) {
    draining_listeners_.push_back(old.alive);
    return;
  }
  std::vector<bool> goes_on(old.chains.size(), false);
  for (const auto& chain : next->chains) {
    if (chain.heir_of < goes_on.size()) goes_on[chain.heir_of] = true;
  }
  for (size_t i = 0; i < goes_on.size(); ++i) {
    if (!goes_on[i]) draining_chains_.push_back(old.chains[i].runtime);
  }
}

void ListenerManager::refresh_stats() {
  const auto gone = [](const auto& weak) { return weak.expired(); };
  std::erase_if(draining_listeners_, gone);
  std::erase_if(draining_chains_, gone);
  scope_->block(0).set(kTotalListenersDraining, draining_listeners_.size());
  scope_->block(0).set(kTotalFilterChainsDraining, draining_chains_.size());
}

std::vector<const ListenerManager::Bound*> ListenerManager::listeners() const {
  std::vector<const Bound*> all;
  for (const auto& name : order_) all.push_back(&listeners_.find(name)->second);
  return all;
}

uint64_t ListenerManager::connections() const {
  uint64_t sum = 0;
  for (const auto& [name, bound] : listeners_) sum += bound.runtime->stats->value(kListenerCxActive);
  return sum;
}

}  // namespace remora
