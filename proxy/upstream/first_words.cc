#include "upstream/first_words.h"

#include <arpa/inet.h>
#include <sys/socket.h>

namespace remora {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr char kLocal = 0x20;  // version 2, and what the connection is for: nobody, or somebody
constexpr char kProxied = 0x21;
constexpr char kTcp4 = 0x11;
constexpr char kTcp6 = 0x21;

void append_number(size_t number, std::string& out) {
  out.push_back(static_cast<char>(number >> 8 & 0xff));
  out.push_back(static_cast<char>(number & 0xff));
}

void append_ip(const Address& address, std::string& out) {
  const sockaddr* any = address.sockaddr_ptr();
  if (address.family() == AF_INET) {
    const auto& ip = reinterpret_cast<const sockaddr_in*>(any)->sin_addr;
    out.append(reinterpret_cast<const char*>(&ip), sizeof(ip));
  } else {
    const auto& ip = reinterpret_cast<const sockaddr_in6*>(any)->sin6_addr;
    out.append(reinterpret_cast<const char*>(&ip), sizeof(ip));
  }
}

bool can_be_told(const DownstreamEnds& ends) {
  return ends.from != nullptr && ends.to != nullptr && ends.from->is_ip() &&
         ends.from->family() == ends.to->family();
}

Address end_of(int fd, decltype(&getsockname) ask) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
}

std::string line_of(const Address& from, const Address& to) {
  const DownstreamEnds ends{&from, &to};
  if (!can_be_told(ends)) return "PROXY UNKNOWN\r\n";
  const std::string family = from.family() == AF_INET ? "TCP4 " : "TCP6 ";
  return "PROXY " + family + from.host() + ' ' + to.host() + ' ' + std::to_string(from.port()) + ' ' +
         std::to_string(to.port()) + "\r\n";
}

std::string block_of(const ProxyHeader& form, const DownstreamEnds& ends) {
  std::string body;
  append_ip(*ends.from, body);
  append_ip(*ends.to, body);
  append_number(ends.from->port(), body);
  append_number(ends.to->port(), body);
  for (const auto& [type, value] : form.added_tlvs) {
    body.push_back(static_cast<char>(type));
    append_number(value.size(), body);
    body += value;
  }
  std::string header(kSignature);
  header.push_back(kProxied);
  header.push_back(ends.from->family() == AF_INET ? kTcp4 : kTcp6);
  append_number(body.size(), header);
  return header + body;
}

}  // namespace

std::string proxy_header(const ProxyHeader& form, const DownstreamEnds& ends, int fd) {
  const bool known = can_be_told(ends);
  if (form.v2 && known) return block_of(form, ends);
  if (form.v2) return std::string(kSignature) + std::string({kLocal, 0, 0, 0});
  if (known) return line_of(*ends.from, *ends.to);
  if (ends.from != nullptr) return line_of({}, {});
  // The kernel knows both as soon as the socket is connecting, except towards a Unix socket.
  return line_of(end_of(fd, &getsockname), end_of(fd, &getpeername));
}

}  // namespace remora
