#pragma once

#include "identity/certificate_authority.h"
#include "istio/build/snapshot.h"

namespace remora::identity {

/// The names that Istio gives to a workload's own certificate and to what it must trust.
inline constexpr const char* kWorkloadSecret = "default";
inline constexpr const char* kRootSecret = "ROOTCA";

/// Both secrets as xDS carries them (envoy.extensions.transport_sockets.tls.v3.Secret).
istio::ResourceGroup workload_secrets(const Issued& issued, const std::string& root_pem);

}  // namespace remora::identity
