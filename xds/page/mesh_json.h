#pragma once

#include <boost/json/object.hpp>

#include "istio/registry/registry.h"

namespace remora::page {

/// What the configuration says, for people:
/// {services: [{namespace, name, host, versions: [{app, version, endpoints}],
///              virtualService, routes: [{requests, destinations: [{host, subset, weight, apps, versions}],
///                                        mirrors: [...the same...]}]}],
///  findings: [{severity, file, line, resource, path, message, text}]}
/// Services outside the mesh are left out. `routes` is empty where no VirtualService speaks about the
/// service.
boost::json::object mesh_json(const istio::Registry& registry, const istio::Diagnostics& findings);

}  // namespace remora::page
