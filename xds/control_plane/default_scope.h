#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "istio/model/resource.h"

namespace remora::xds {

/// What workloads know of the mesh for which there is no Sidecar.
enum class DefaultScope : uint8_t {
  kMesh,       ///< all that exportTo shows them, as in Istio
  kNamespace,  ///< their own namespace and the root namespace, and what their routes lead to
  kAsked,      ///< what they have asked for by name (asked_names.h), where they can; all others: kMesh
};

/// The Sidecar that says so, in the root namespace, where Istio has one for the whole mesh. Null for kMesh
/// and kAsked, which need none.
istio::ResourcePtr default_sidecar(DefaultScope scope, const std::string& root_namespace);

/// Adds it (null: nothing) to `resources`, unless they have one for the whole mesh.
void add_default_sidecar(const istio::ResourcePtr& sidecar, std::vector<istio::ResourcePtr>& resources);

}  // namespace remora::xds
