#pragma once

#include "remora/config/route_tree.h"
#include "translate/route.h"

namespace remora::xds {

/// VirtualHost.matcher: a tree of questions, and the routes that its actions hold. They become
/// VirtualHost::routes, in the order in which the tree has them, a group for each action. The context stands
/// at the virtual host. Errors: what a route cannot be chosen by, trees deeper than 32.
void set_route_tree(const envoy::config::route::v3::VirtualHost& host, const RouteLimits& limits,
                    Context& context, VirtualHost& out);

}  // namespace remora::xds
