#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "inject/probes.h"
#include "inject/settings.h"

namespace remora::inject {

inline constexpr const char* kProxyContainer = "istio-proxy";
inline constexpr const char* kInitContainer = "istio-init";
inline constexpr const char* kTokenVolume = "istio-token";

/// The sidecar. `bootstrap` is its configuration as YAML, in which kubelet replaces $(VARIABLES); `grace` is
/// how long the pod may take to end.
boost::json::object proxy_container(const Settings& settings, const std::string& bootstrap,
                                    std::chrono::seconds grace);

/// What leads the pod's traffic through the sidecar: it sets up the rules of the pod's network and ends.
boost::json::object init_container(const Settings& settings, const std::vector<AppProbe>& probes);

/// With what the sidecar proves who it is: a token of the pod's service account for the mesh alone, which
/// kubelet renews.
boost::json::object token_volume();

}  // namespace remora::inject
