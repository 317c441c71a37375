#include "remora/core/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <iterator>

namespace remora {
namespace {

constexpr socklen_t kPathOffset = offsetof(sockaddr_un, sun_path);

/// The network-order bytes of an IP address; an IPv4 address mapped into IPv6 stays IPv6, as in Envoy.
std::string_view ip_bytes(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    return {reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr), 4};
  }
  return {reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr), 16};
}

/// By hand, since requests carry these (x-forwarded-for) and inet_ntop prints through sprintf.
std::string dotted_quad(uint32_t address) {
  char text[INET_ADDRSTRLEN];
  char* end = text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    end = std::to_chars(end, std::end(text), (address >> shift) & 0xff).ptr;
    if (shift > 0) *end++ = '.';
  }
  return {text, end};
}

}  // namespace

Result<Address> Address::ip(std::string_view host, uint16_t port) {
  const std::string text(host);
  Address result;
  if (inet_pton(AF_INET, text.c_str(), &result.ip_.v4.sin_addr) == 1) {
    result.ip_.v4.sin_family = AF_INET;
    result.ip_.v4.sin_port = htons(port);
    result.length_ = sizeof(sockaddr_in);
    return result;
  }
  result = Address();
  if (inet_pton(AF_INET6, text.c_str(), &result.ip_.v6.sin6_addr) == 1) {
    result.ip_.v6.sin6_family = AF_INET6;
    result.ip_.v6.sin6_port = htons(port);
    result.length_ = sizeof(sockaddr_in6);
    return result;
  }
  return Error{"\"" + text + "\" is not an IP address"};
}

Result<Address> Address::unix_path(std::string_view path) {
  Address result;
  if (path.empty()) return Error{"a Unix socket needs a path"};
  sockaddr_un& to = result.path_.emplace();
  const bool abstract = path.front() == '@';
  // A file's path needs room for its final zero byte; an abstract name is as long as the kernel is told.
  const size_t room = sizeof(to.sun_path) - (abstract ? 0 : 1);
  if (path.size() > room) {
    return Error{"the Unix socket path \"" + std::string(path) + "\" is longer than " + std::to_string(room) +
                 " bytes"};
  }
  if (path.find('\0') != std::string_view::npos)
    return Error{"a Unix socket path must not contain a zero byte"};
  result.ip_.any.sa_family = to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  if (abstract) to.sun_path[0] = '\0';
  result.length_ = kPathOffset + static_cast<socklen_t>(path.size() + (abstract ? 0 : 1));
  return result;
}

Address Address::from_sockaddr(const sockaddr* address, socklen_t length) {
  Address result;
  if (length > kPathOffset && address->sa_family == AF_UNIX) {
    result.length_ = std::min<socklen_t>(length, sizeof(sockaddr_un));
    result.ip_.any.sa_family = AF_UNIX;
    std::memcpy(&result.path_.emplace(), address, result.length_);
    return result;
  }
  result.length_ = std::min<socklen_t>(length, sizeof(result.ip_));
  std::memcpy(&result.ip_, address, result.length_);
  return result;
}

bool Address::is_ip() const { return family() == AF_INET || family() == AF_INET6; }

uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(ip_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(ip_.v6.sin6_port);
  return 0;
}

void Address::set_port(uint16_t port) {
  if (family() == AF_INET) ip_.v4.sin_port = htons(port);
  if (family() == AF_INET6) ip_.v6.sin6_port = htons(port);
}

bool Address::is_loopback() const {
  if (family() == AF_INET) return (ntohl(ip_.v4.sin_addr.s_addr) >> 24) == 127;
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ip_.v6.sin6_addr);
}

std::string Address::to_string() const {
  if (family() == AF_INET) return host() + ":" + std::to_string(port());
  if (family() == AF_INET6) return "[" + host() + "]:" + std::to_string(port());
  return host();
}

std::string Address::host() const {
  if (family() == AF_INET) return dotted_quad(ntohl(ip_.v4.sin_addr.s_addr));
  if (family() == AF_INET6) {
    char text[INET6_ADDRSTRLEN];
    return inet_ntop(AF_INET6, &ip_.v6.sin6_addr, text, sizeof(text));
  }
  if (!path_) return "";
  const char* const path = path_->sun_path;
  const size_t size = length_ - kPathOffset;
  if (path[0] != '\0') return {path, strnlen(path, size)};
  return "@" + std::string(path + 1, size - 1);
}

bool Address::operator==(const Address& other) const {
  if (length_ == 0 || other.length_ == 0) return length_ == other.length_;
  if (family() != other.family()) return false;
  if (is_ip()) {
    return port() == other.port() && ip_bytes(&ip_.any) == ip_bytes(&other.ip_.any) &&
           (family() != AF_INET6 || ip_.v6.sin6_scope_id == other.ip_.v6.sin6_scope_id);
  }
  return host() == other.host();
}

bool CidrRange::contains(const Address& address) const {
  if (!address.is_ip() || address.family() != base.family()) return false;
  const std::string_view want = ip_bytes(base.sockaddr_ptr());
  const std::string_view have = ip_bytes(address.sockaddr_ptr());
  const size_t bits = std::min<size_t>(prefix_length, want.size() * 8);
  const size_t whole = bits / 8;
  if (want.substr(0, whole) != have.substr(0, whole)) return false;
  const size_t rest = bits % 8;
  return rest == 0 || ((static_cast<unsigned char>(want[whole]) ^ static_cast<unsigned char>(have[whole])) >>
                       (8 - rest)) == 0;
}

}  // namespace remora
