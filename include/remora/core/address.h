#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "remora/core/result.h"

namespace remora {

/// A socket address: IPv4, IPv6 or a Unix path (a leading '@' names the abstract namespace, as in Envoy).
/// Value type.
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
  [[nodiscard]] int family() const { return storage_.any.sa_family; }
  [[nodiscard]] uint16_t port() const;
  void set_port(uint16_t port);
  [[nodiscard]] bool is_loopback() const;

  [[nodiscard]] const sockaddr* sockaddr_ptr() const { return &storage_.any; }
  [[nodiscard]] socklen_t length() const { return length_; }

  /// "1.2.3.4:80", "[::1]:80", "/run/x.sock". Envoy's text form.
  [[nodiscard]] std::string to_string() const;
  /// The address without its port: "1.2.3.4", "::1", "/run/x.sock".
  [[nodiscard]] std::string host() const;

  bool operator==(const Address& other) const;

 private:
  union Storage {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un path;
  } storage_{};
  socklen_t length_ = 0;
};

/// An IP range such as 10.0.0.0/8. Source: Envoy core.v3.CidrRange.
struct CidrRange {
  Address base;
  uint8_t prefix_length = 0;
  [[nodiscard]] bool contains(const Address& address) const;
};

}  // namespace remora
