#pragma once

#include <string>
#include <vector>

#include "istio/text/diagnostic.h"

namespace remora::istio {

/// A Kubernetes Secret that a gateway's listeners show as their certificate, in the proxy's own namespace.
/// The secrets of SDS that it becomes are called "kubernetes://NAME", and "kubernetes://NAME-cacert".
struct CredentialUse {
  std::string name;
  bool with_ca = false;  ///< clients' certificates are checked by it, too
  Diagnostic place;      ///< the field that names it; without a message

  bool operator==(const CredentialUse&) const = default;
};

using CredentialUses = std::vector<CredentialUse>;

}  // namespace remora::istio
