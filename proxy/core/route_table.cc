#include "remora/config/route_table.h"

#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "core/filter_settings.h"
#include "core/host_index.h"
#include "core/path_index.h"

namespace remora {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
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
  std::shared_ptr<RouteTable> table(new RouteTable(std::move(config)));
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

}  // namespace remora
