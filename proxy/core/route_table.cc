#include "remora/config/route_table.h"

#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "core/filter_settings.h"
#include "core/host_index.h"
#include "core/path_index.h"
#include "core/reaper.h"
#include "core/shadowed_routes.h"
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
  std::vector<PathIndex> paths;  // by number of the virtual host
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
  std::vector<PathIndex> paths;
  paths.reserve(table->config_.virtual_hosts.size());
  for (const VirtualHost& host : table->config_.virtual_hosts) paths.emplace_back(host.routes);
  table->index_ = std::make_unique<Index>(Index{std::move(hosts).value(), std::move(paths)});
  return std::shared_ptr<const RouteTable>(std::move(table));
}

RouteTable::Match RouteTable::match(const HeaderMap& head, uint64_t random, const Metadata* metadata) const {
  const uint32_t number = index_->hosts.find(head.get(HeaderId::kAuthority));
  if (number == HostIndex::kNone) return {};
  const VirtualHost& host = config_.virtual_hosts[number];
  const uint32_t position = index_->paths[number].match(head, random, metadata);
  return {&host, position == Candidates::kNone ? nullptr : &host.routes[position]};
}

RouteSearch RouteTable::explain(const HeaderMap& head, uint64_t random, const Metadata* metadata,
                                size_t limit) const {
  RouteSearch search;
  const auto authority = head.get(HeaderId::kAuthority);
  const uint32_t number = index_->hosts.find(authority);
  if (number == HostIndex::kNone) return search;
  const VirtualHost& host = config_.virtual_hosts[number];
  search.domain = index_->hosts.domain_of(authority);
  const uint32_t position = index_->paths[number].explain(head, random, metadata, limit, search);
  search.match = {&host, position == Candidates::kNone ? nullptr : &host.routes[position]};
  return search;
}

std::vector<ShadowedRoute> RouteTable::shadowed(size_t virtual_host) const {
  return find_shadowed(config_.virtual_hosts[virtual_host].routes, index_->paths[virtual_host]);
}

}  // namespace remora
