#include "web/listen_address.h"

#include <charconv>

namespace remora::web {

using boost::asio::ip::tcp;

Result<tcp::endpoint> parse_listen_address(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return Error{"\"" + address + "\" is not HOST:PORT"};
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error) return Error{"\"" + host + "\" is no IP address"};
  const std::string digits = address.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (fault != std::errc() || end != digits.data() + digits.size()) {
    return Error{"\"" + digits + "\" is no port"};
  }
  return tcp::endpoint(ip, port);
}

std::string to_text(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(endpoint.port());
}

bool names_loopback(std::string_view host) {
  const bool bracketed = host.starts_with('[');
  const std::string_view name =
      bracketed ? host.substr(1, std::min(host.find(']'), host.size()) - 1) : host.substr(0, host.find(':'));
  if (name == "localhost") return true;
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(std::string(name), error);
  return !error && ip.is_loopback();
}

}  // namespace remora::web
