#pragma once

#include <string>
#include <vector>

namespace remora::istio {

/// Error: what it names has no effect, and the last good contents stay. Warning: it has effect, though
/// perhaps not the one its author expects.
enum class Severity { kError, kWarning };

/// One finding about a resource, with everything an operator needs to go and mend it.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;
  int line = 0;          ///< from 1; 0 where the whole file is meant
  std::string resource;  ///< "VirtualService default/myapp"; empty before the kind and name are known
  std::string path;      ///< "spec.http[0].route[1].weight"; empty where the whole resource is meant
  std::string message;

  bool operator==(const Diagnostic&) const = default;
};

using Diagnostics = std::vector<Diagnostic>;

/// "FILE:LINE: error: RESOURCE: PATH: MESSAGE", the form that compilers use and editors jump to.
std::string to_string(const Diagnostic& diagnostic);

bool has_errors(const Diagnostics& diagnostics);

}  // namespace remora::istio
