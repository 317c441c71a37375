#pragma once

#include <string>

#include "remora/config/proxy_header.h"
#include "remora/core/address.h"

namespace remora {

/// The two ends of a downstream connection, as an upstream may be told. Borrowed.
struct DownstreamEnds {
  const Address* from = nullptr;  ///< null: the connection is made for nobody, as for a health check
  const Address* to = nullptr;
};

/// The PROXY header for a connection that is made for `ends`. Made for nobody, or for ends that are no IP
/// addresses of one family, it is that of the proxy's own: LOCAL (version 2), or the connection's own ends
/// (version 1), for which `fd` is asked, a socket that is connecting. Source: the PROXY protocol
/// (haproxy.org, proxy-protocol.txt) and Envoy, upstream_proxy_protocol.
std::string proxy_header(const ProxyHeader& form, const DownstreamEnds& ends, int fd);

}  // namespace remora
