#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace envoy::config::route::v3 {
class RouteConfiguration;
class VirtualHost;
}  // namespace envoy::config::route::v3

// Virtual hosts as resources of their own, so that a change of one of a table's thousands is a change of one
// resource (Envoy: VHDS).
namespace remora::istio {

/// "80/reviews.default.svc.cluster.local:80": Envoy knows by what stands before the last slash whose they
/// are.
std::string virtual_host_resource(std::string_view table, std::string_view name);
/// "80" of that; empty where it is a table's own name.
std::string_view table_of(std::string_view resource);

/// Has the table say that there is more: over the proxy's own stream, waited for as long as it takes.
void ask_for_virtual_hosts(envoy::config::route::v3::RouteConfiguration& table);

/// Takes out of `table` what a proxy gets beside it, under the names of resources, and has the table say that
/// there is more. The virtual host for "*" stays in the table: it is what a proxy has before the others come,
/// and where it is the only one the table stays as it is.
std::vector<envoy::config::route::v3::VirtualHost> take_out_virtual_hosts(
    envoy::config::route::v3::RouteConfiguration& table);

}  // namespace remora::istio
