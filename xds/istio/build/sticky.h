#pragma once

#include <vector>

#include "istio/build/translate.h"

// The annotation remora.dev/sticky: clients keep the destination that a route with several has given them.
namespace remora::istio {

/// `route` with what comes before it. By header, the request's hash chooses the destination: every proxy
/// agrees about who goes where, and a changed weight moves as few as it can. By cookie, the answer says which
/// destination it was, and routes before `route` lead its clients there for as long as it has a weight. Stock
/// Envoys understand both.
std::vector<envoy::config::route::v3::Route> stick(const Sticky& sticky,
                                                   envoy::config::route::v3::Route route);

}  // namespace remora::istio
