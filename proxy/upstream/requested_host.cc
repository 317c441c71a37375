#include "upstream/requested_host.h"

#include "remora/core/address.h"
#include "remora/http/header_map.h"

namespace remora {
namespace {

std::string_view without_port(std::string_view authority) {
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    return end == std::string_view::npos ? authority : authority.substr(1, end - 1);
  }
  const size_t colon = authority.rfind(':');
  // More than one colon without brackets: an IPv6 address and no port.
  const bool has_port = colon != std::string_view::npos && authority.find(':') == colon;
  return has_port ? authority.substr(0, colon) : authority;
}

}  // namespace

std::string_view requested_host(const HeaderMap& request, const std::string& override_header) {
  if (!override_header.empty()) {
    const auto value = request.get(override_header);
    if (value && !value->empty()) return without_port(*value);
  }
  return without_port(request.authority());
}

bool is_ip_text(std::string_view host) { return !host.empty() && Address::ip(host, 0).ok(); }

}  // namespace remora
