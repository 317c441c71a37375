#include "istio/build/virtual_hosts.h"

#include <algorithm>
#include <utility>

#include "envoy/config/route/v3/route.pb.h"

namespace remora::istio {
namespace {

using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::VirtualHost;

bool takes_every_host(const VirtualHost& host) {
  return std::find(host.domains().begin(), host.domains().end(), "*") != host.domains().end();
}

}  // namespace

std::string virtual_host_resource(std::string_view table, std::string_view name) {
  return std::string(table) + '/' + std::string(name);
}

std::string_view table_of(std::string_view resource) {
  const size_t slash = resource.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : resource.substr(0, slash);
}

void ask_for_virtual_hosts(RouteConfiguration& table) {
  auto& source = *table.mutable_vhds()->mutable_config_source();
  source.mutable_ads();
  source.mutable_initial_fetch_timeout();  // zero
  source.set_resource_api_version(envoy::config::core::v3::ApiVersion::V3);
}

std::vector<VirtualHost> take_out_virtual_hosts(RouteConfiguration& table) {
  std::vector<VirtualHost> out;
  std::vector<VirtualHost> stay;
  out.reserve(static_cast<size_t>(table.virtual_hosts_size()));
  for (VirtualHost& host : *table.mutable_virtual_hosts()) {
    if (takes_every_host(host)) {
      stay.push_back(std::move(host));
    } else {
      // Envoy removes the virtual host whose own name is that of the resource.
      host.set_name(virtual_host_resource(table.name(), host.name()));
      out.push_back(std::move(host));
    }
  }
  table.clear_virtual_hosts();
  for (VirtualHost& host : stay) *table.add_virtual_hosts() = std::move(host);
  if (!out.empty()) ask_for_virtual_hosts(table);
  return out;
}

}  // namespace remora::istio
