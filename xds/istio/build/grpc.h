#pragma once

#include "istio/build/intercepted.h"

namespace remora::istio {

/// The layout of a gRPC client that is its own proxy: for each port of a service, under every name that the
/// client may call it by (`xds:///NAME:PORT`), a listener that stands for the channel, and one route table.
/// (gRFC A27, A28; Istio: metadata GENERATOR "grpc")
Layout build_grpc_outbound(const MeshView& view);

}  // namespace remora::istio
