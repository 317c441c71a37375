#pragma once

#include <memory>
#include <set>
#include <string>

#include "istio/build/call_names.h"
#include "istio/build/mesh_view.h"
#include "istio/build/snapshot.h"

// What a proxy that knows of services only by asking (ProxyNode::on_demand) gets for one name. It has
// listeners and route tables without hosts; a request that finds none asks for TABLE/AUTHORITY, with the
// authority as its client has written it. The answer is a virtual host of that name for that authority alone,
// so that no two of them can claim one domain, whatever names a service has; and with it the clusters that
// its routes lead to.
namespace remora::istio {

struct AskedPart {
  std::set<std::string> hosts;  ///< the services that it leads to: where one of them changes, so may the part
  Snapshot resources;
};

/// Longer names are nobody's.
inline constexpr size_t kLongestAsked = 1024;

/// For a virtual host. Hosts that the mesh does not know get one as well: where the connection was going, or
/// nowhere. Empty where `name` is of no table of requests; whether the proxy has that table is not looked at.
AskedPart build_asked_host(const std::string& name, const MeshView& view, const CallNames& names);

/// For a cluster. Empty where there is none of that name.
AskedPart build_asked_cluster(const std::string& name, const MeshView& view);

}  // namespace remora::istio
