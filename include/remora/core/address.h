#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "remora/core/rare.h"
#include "remora/core/result.h"

namespace remora {

/// A socket address: IPv4, IPv6 or a Unix path (a leading '@' names the abstract namespace, as in Envoy).
/// Value type; small for an IP address, since there is one for every endpoint.
class Address {
 public:
  Address() = default;

  /// `host` is a literal IP address, never a name.
  static Result<Address> ip(std::string_view host, uint16_t port);
  static Result<Address> unix_path(std::string_view path);
  static Address from_sockaddr(const sockaddr* address, socklen_t length);

  [[nodiscard]] bool is_ip() const;
  [[nodiscard]] bool is_unix() const { return family() == AF_UNIX; }
  [[nodiscard]] bool empty() const { return length_ == 0; }
  [[nodiscard]] int family() const { return ip_.any.sa_family; }
  [[nodiscard]] uint16_t port() const;
  void set_port(uint16_t port);
  [[nodiscard]] bool is_loopback() const;

  [[nodiscard]] const sockaddr* sockaddr_ptr() const {
    return path_ ? reinterpret_cast<const sockaddr*>(path_.get()) : &ip_.any;
  }
  [[nodiscard]] socklen_t length() const { return length_; }

  /// "1.2.3.4:80", "[::1]:80", "/run/x.sock". Envoy's text form.
  [[nodiscard]] std::string to_string() const;
  /// The address without its port: "1.2.3.4", "::1", "/run/x.sock".
  [[nodiscard]] std::string host() const;

  bool operator==(const Address& other) const;

 private:
  union Ip {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } ip_{};  // of a Unix address the family alone
  socklen_t length_ = 0;
  Rare<sockaddr_un> path_;  // of a Unix address that has a name
};

/// An IP range such as 10.0.0.0/8. Source: Envoy core.v3.CidrRange.
struct CidrRange {
  Address base;
  uint8_t prefix_length = 0;
  [[nodiscard]] bool contains(const Address& address) const;
};

}  // namespace remora
