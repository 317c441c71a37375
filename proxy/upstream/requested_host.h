#pragma once

#include <string>
#include <string_view>

namespace remora {

class HeaderMap;

/// The host that a request asks for, without its port and without the brackets of an IPv6 address: from
/// `override_header` where that is named and there, else from the authority. Borrowed from `request`.
/// Source: Envoy, UpstreamHttpProtocolOptions auto_sni, override_auto_sni_header.
std::string_view requested_host(const HeaderMap& request, const std::string& override_header);

/// Whether it is an address: those are never sent as SNI (RFC 6066 section 3).
bool is_ip_text(std::string_view host);

}  // namespace remora
