#pragma once

#include <cstdint>
#include <map>

#include "istio/model/services.h"

namespace remora::istio {

/// What a workload's sidecar takes from clients.
enum class MtlsMode {
  kUnset,       ///< as the wider policy says
  kDisable,     ///< plain text
  kPermissive,  ///< both
  kStrict,      ///< mutual TLS only
};

/// https://istio.io/latest/docs/reference/config/security/peer_authentication/
struct PeerAuthentication {
  Labels selector;  ///< empty: the whole namespace, or the mesh if it stands in the root namespace
  MtlsMode mode = MtlsMode::kUnset;
  std::map<uint16_t, MtlsMode> ports;  ///< by the workload's own port
};

}  // namespace remora::istio
