#include "remora/config/route_table.h"

#include <atomic>
#include <optional>
#include <utility>
#include <vector>

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
    routes += host.routes.size();
    if (routes > kSmallTable) return true;
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
  free_elsewhere([table] { delete table; });  // NOLINT: likewise
}

}  // namespace

struct RouteTable::Index {
  HostIndex hosts;
  std::vector<HostRoutes> routes;  // by number of the virtual host
};

RouteTable::RouteTable(RouteConfig config) : id_(next_id()), config_(std::move(config)) {
  resolve_filter_settings(config_);
}
RouteTable::~RouteTable() = default;

Result<std::shared_ptr<const RouteTable>> RouteTable::compile(RouteConfig config) {
  // The configuration settles in its final place first: the indexes point into it.
  std::shared_ptr<RouteTable> table(new RouteTable(std::move(config)), release);
  auto hosts = HostIndex::build(table->config_);
  if (!hosts) return std::move(hosts).error().in("route configuration '" + table->config_.name + "'");
  std::vector<HostRoutes> routes;
  routes.reserve(table->config_.virtual_hosts.size());
  for (const VirtualHost& host : table->config_.virtual_hosts)
    routes.emplace_back(host, table->config_.ignore_path_parameters);
  table->index_ = std::make_unique<Index>(Index{std::move(hosts).value(), std::move(routes)});
  return std::shared_ptr<const RouteTable>(std::move(table));
}

RouteTable::Match RouteTable::match(const HeaderMap& head, uint64_t random, const RouteFacts& facts) const {
  const uint32_t number = index_->hosts.find(host_of(head, config_));
  if (number == HostIndex::kNone) return {};
  const VirtualHost& host = config_.virtual_hosts[number];
  const uint32_t position = index_->routes[number].match(head, random, facts);
  return {&host, position == Candidates::kNone ? nullptr : &host.routes[position]};
}

RouteSearch RouteTable::explain(const HeaderMap& head, uint64_t random, const RouteFacts& facts,
                                size_t limit) const {
  RouteSearch search;
  const auto authority = host_of(head, config_);
  const uint32_t number = index_->hosts.find(authority);
  if (number == HostIndex::kNone) return search;
  const VirtualHost& host = config_.virtual_hosts[number];
  search.domain = index_->hosts.domain_of(authority);
  const uint32_t position = index_->routes[number].explain(head, random, facts, limit, search);
  search.match = {&host, position == Candidates::kNone ? nullptr : &host.routes[position]};
  return search;
}

std::vector<ShadowedRoute> RouteTable::shadowed(size_t virtual_host) const {
  return index_->routes[virtual_host].shadowed();
}

}  // namespace remora
