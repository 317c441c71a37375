#pragma once

#include <memory>
#include <vector>

#include "istio/registry/registry.h"

namespace remora::istio {

/// What holds after a change, and why some of what was asked for does not.
struct Reconciled {
  std::shared_ptr<Registry> registry;
  Diagnostics findings;
};

/// Makes the registry of `wanted`, in which no VirtualService leads nowhere. One that does is held at the
/// version in `last_good` (null: nothing was good yet); if that one no longer fits either, because what it
/// leads to was taken away, the taken parts stay too; if there is no good version at all, it is left out. The
/// rest of `wanted` takes effect. Pure.
Reconciled reconcile(const Registry* last_good, const std::vector<ResourcePtr>& wanted,
                     const MeshSettings& settings = {}, const Inventory* inventory = nullptr);

}  // namespace remora::istio
