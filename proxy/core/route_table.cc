#include "remora/config/route_table.h"

#include <absl/container/flat_hash_set.h>

#include <atomic>
#include <optional>
#include <utility>

#include "core/filter_settings.h"
#include "core/host_index.h"
#include "core/host_routes.h"
#include "core/reaper.h"
#include "remora/config/route_search.h"

namespace remora {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

/// Tables with more routes than this are freed apart from whoever dropped them.
constexpr size_t kSmallTable = 1000;

bool is_large(const RouteConfig& config) {
  size_t routes = config.virtual_hosts.size();
  for (const auto& host : config.virtual_hosts) {
    if (routes > kSmallTable) return true;
    routes += host.routes.size();
  }
  return routes > kSmallTable;
}

/// What a virtual host is chosen by.
std::optional<std::string_view> host_of(const HeaderMap& head, const RouteConfig& config) {
  return config.vhost_header.empty() ? head.get(HeaderId::kAuthority) : head.get(config.vhost_header);
}

void release(const RouteTable* table) {
  if (!is_large(table->config())) {
    delete table;  // NOLINT: the deleter of a shared_ptr
    return;
  }
  free_elsewhere([table] {
    const bool is_much = table->config().virtual_hosts.unshared() > kSmallTable;
    delete table;  // NOLINT: likewise
    return is_much;
  });
}

/// What one table has and another has not.
struct Difference {
  HostIndex::Hosts gone;
  HostIndex::Hosts fresh;
  [[nodiscard]] size_t size() const { return gone.size() + fresh.size(); }
};

/// Mostly the two begin and end alike: only what lies between is looked at closely.
Difference difference(const VirtualHosts& before, const VirtualHosts& after) {
  const size_t shorter = std::min(before.size(), after.size());
  size_t begin = 0;
  while (begin < shorter && &before[begin] == &after[begin]) ++begin;
  size_t end = 0;
  while (end < shorter - begin && &before[before.size() - 1 - end] == &after[after.size() - 1 - end]) ++end;
  absl::flat_hash_set<const VirtualHost*> gone;
  for (size_t i = begin; i < before.size() - end; ++i) gone.insert(&before[i]);
  Difference found;
  for (size_t i = begin; i < after.size() - end; ++i) {
    if (gone.erase(&after[i]) == 0) found.fresh.push_back(&after[i]);
  }
  found.gone.assign(gone.begin(), gone.end());
  return found;
}

/// The next version of an index, out of the one `before`.
Result<HostIndex> next_index(const RouteConfig& config, const RouteConfig& before, const HostIndex& index) {
  if (before.ignore_port_in_host != config.ignore_port_in_host) return HostIndex::build(config);
  const Difference changes = difference(before.virtual_hosts, config.virtual_hosts);
  if (changes.size() > config.virtual_hosts.size() / 4) return HostIndex::build(config);
  auto changed = index.changed(changes.gone, changes.fresh);
  return changed.ok() && changed->is_crowded() ? HostIndex::build(config) : std::move(changed);
}

}  // namespace

struct RouteTable::Index {
  HostIndex hosts;
};

RouteTable::RouteTable(RouteConfig config, const RouteTable* before)
    : id_(next_id()),
      config_(std::move(config)) {
  resolve_filter_settings(config_, before == nullptr ? nullptr : &before->config_);
  for (VirtualHost& host : config_.virtual_hosts) {
    if (host.index == nullptr)
      host.index = std::make_shared<const HostRoutes>(host, config_.ignore_path_parameters);
  }
}
RouteTable::~RouteTable() = default;

Result<std::shared_ptr<const RouteTable>> RouteTable::compile(RouteConfig config, const RouteTable* before) {
  // Virtual hosts do not move. What is refused leaves them as they were.
  auto hosts = before == nullptr ? HostIndex::build(config)
                                 : next_index(config, before->config_, before->index_->hosts);
  if (!hosts) return std::move(hosts).error().in("route configuration '" + config.name + "'");
  std::shared_ptr<RouteTable> table(new RouteTable(std::move(config), before), release);
  table->index_ = std::make_unique<Index>(Index{std::move(hosts).value()});
  return std::shared_ptr<const RouteTable>(std::move(table));
}

RouteTable::Match RouteTable::match(const HeaderMap& head, uint64_t random, const RouteFacts& facts) const {
  const VirtualHost* host = index_->hosts.find(host_of(head, config_));
  if (host == nullptr) return {};
  const uint32_t position = host->index->match(head, random, facts);
  return {host, position == Candidates::kNone ? nullptr : &host->routes[position]};
}

RouteSearch RouteTable::explain(const HeaderMap& head, uint64_t random, const RouteFacts& facts,
                                size_t limit) const {
  RouteSearch search;
  const auto authority = host_of(head, config_);
  const VirtualHost* host = index_->hosts.find(authority);
  if (host == nullptr) return search;
  search.domain = index_->hosts.domain_of(authority);
  const uint32_t position = host->index->explain(head, random, facts, limit, search);
  search.match = {host, position == Candidates::kNone ? nullptr : &host->routes[position]};
  return search;
}

std::vector<ShadowedRoute> RouteTable::shadowed(size_t virtual_host) const {
  return config_.virtual_hosts[virtual_host].index->shadowed();
}

}  // namespace remora
