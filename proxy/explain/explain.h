#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "remora/core/address.h"
#include "remora/core/result.h"

namespace remora {
class HostSet;
class RouteTable;
struct ClusterConfig;
struct ListenerRuntime;
}  // namespace remora

namespace remora::explain {

struct Listener {
  std::shared_ptr<const ListenerRuntime> runtime;
  std::vector<Address> addresses;  ///< as bound
};
struct Cluster {
  std::shared_ptr<const ClusterConfig> config;  ///< null: there is none of that name
  std::shared_ptr<const HostSet> hosts;
};

/// The configuration that requests meet now. Called on the main thread.
struct Configuration {
  std::vector<Listener> listeners;
  std::function<std::shared_ptr<const RouteTable>(const std::string& name)> routes;
  std::function<Cluster(const std::string& name)> cluster;
};

/// What would become of the request that `question` (JSON) describes: the listener, filter chain, virtual
/// host, route, cluster and endpoints that it would take, why earlier routes would not take it, and what
/// would be made of it. JSON as well (docs/explain.md). The matching is the code that live requests go
/// through. HTTP filters are named, not run. Errors name the question's field.
Result<std::string> answer(std::string_view question, const Configuration& configuration);

}  // namespace remora::explain
