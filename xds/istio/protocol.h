#pragma once

#include <string_view>

#include "istio/services.h"

namespace remora::istio {

/// The protocol that an explicit word declares (ServiceEntry's protocol, appProtocol), in any case.
Protocol protocol_of_word(std::string_view word);

/// The protocol that a Kubernetes port name declares: "http", "http-web"; kUndeclared for a name that
/// declares none.
Protocol protocol_of_port_name(std::string_view name);

}  // namespace remora::istio
