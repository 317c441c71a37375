#include "istio/build/names.h"

#include <cctype>

namespace remora::istio {
namespace {

/// "VirtualService" -> "virtual-service"
std::string kebab_case(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool upper = std::isupper(static_cast<unsigned char>(c)) != 0;
    if (upper && !out.empty()) out += '-';
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace

std::string outbound_cluster_name(uint16_t port, std::string_view subset, std::string_view host) {
  return std::string("outbound|")
      .append(std::to_string(port))
      .append("|")
      .append(subset)
      .append("|")
      .append(host);
}

std::string mesh_server_name(uint16_t port, std::string_view subset, std::string_view host) {
  return std::string("outbound_.")
      .append(std::to_string(port))
      .append("_.")
      .append(subset)
      .append("_.")
      .append(host);
}

std::string sniffed_table_name(std::string_view host, uint16_t port) {
  return std::string(host) + ':' + std::to_string(port);
}

std::string inbound_name(uint16_t port) { return "inbound|" + std::to_string(port) + "||"; }

std::string listener_name(std::string_view address, uint16_t port) {
  return std::string(address).append("_").append(std::to_string(port));
}

std::string config_path(const Resource& resource) {
  // istiod names its own storage version, whatever version the resource was written in.
  return "/apis/networking.istio.io/v1/namespaces/" + resource.ns + '/' + kebab_case(resource.kind) + '/' +
         resource.name;
}

}  // namespace remora::istio
