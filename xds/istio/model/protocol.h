#pragma once

#include <cstdint>
#include <string_view>

#include "istio/model/services.h"

namespace remora::istio {

/// The protocol that an explicit word declares (ServiceEntry's protocol, appProtocol), in any case.
Protocol protocol_of_word(std::string_view word);

/// The protocol that a Kubernetes port name declares: "http", "http-web"; kUndeclared for a name that
/// declares none.
Protocol protocol_of_port_name(std::string_view name);

/// `declared`, or kTcp where nothing is declared and the port is known for servers that speak first, which
/// would wait for ever behind a proxy that looks at the client's bytes: 25, 53, 3306, 27017 (Istio: protocol
/// selection).
Protocol protocol_on_port(Protocol declared, uint16_t port);

}  // namespace remora::istio
