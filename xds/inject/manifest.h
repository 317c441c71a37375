#pragma once

#include <string>
#include <vector>

#include "inject/settings.h"
#include "remora/core/result.h"

namespace remora::inject {

struct InjectedManifest {
  std::string text;
  std::vector<std::string> notes;  ///< "Deployment/web: it has a sidecar already"
};

/// YAML documents (or JSON) with a sidecar in every pod that they make. Documents in which nothing changes
/// come out byte for byte, so injecting twice is injecting once. `ns`: of objects that name none. An error
/// names the object, or the line where the text cannot be read.
Result<InjectedManifest> inject_manifest(const std::string& text, const Settings& settings,
                                         const std::string& ns);

}  // namespace remora::inject
