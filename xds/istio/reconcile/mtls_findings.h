#pragma once

#include "istio/registry/registry.h"

namespace remora::istio {

/// Workloads that take mutual TLS only, while their clients cannot know it: warnings.
Diagnostics mtls_findings(const Registry& registry);

}  // namespace remora::istio
