#include "net/socket_options.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace remora {
namespace {

Result<void> set(int fd, int level, int name, const void* value, socklen_t size) {
  if (::setsockopt(fd, level, name, value, size) == 0) return {};
  return Error{"cannot set socket option " + std::to_string(name) + " of level " + std::to_string(level) +
               ": " + std::strerror(errno)};
}

Result<void> set_option(int fd, const SocketOption& option) {
  const auto level = static_cast<int>(option.level);
  const auto name = static_cast<int>(option.name);
  if (const auto* number = std::get_if<int>(&option.value))
    return set(fd, level, name, number, sizeof(*number));
  const auto& bytes = std::get<std::string>(option.value);
  return set(fd, level, name, bytes.data(), static_cast<socklen_t>(bytes.size()));
}

Result<void> set_flag(int fd, int level, int name) {
  const int one = 1;
  return set(fd, level, name, &one, sizeof(one));
}

}  // namespace

Result<void> set_socket_options(int fd, std::span<const SocketOption> options, SocketOption::State state) {
  for (const auto& option : options) {
    if (option.state != state) continue;
    if (auto done = set_option(fd, option); !done) return done;
  }
  return {};
}

Result<void> set_freebind(int fd, int family) {
  return family == AF_INET6 ? set_flag(fd, IPPROTO_IPV6, IPV6_FREEBIND)
                            : set_flag(fd, IPPROTO_IP, IP_FREEBIND);
}

Result<void> set_transparent(int fd, int family) {
  return family == AF_INET6 ? set_flag(fd, IPPROTO_IPV6, IPV6_TRANSPARENT)
                            : set_flag(fd, IPPROTO_IP, IP_TRANSPARENT);
}

bool is_transparent(int fd, int family) {
  int value = 0;
  socklen_t length = sizeof(value);
  const int got = family == AF_INET6 ? ::getsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &value, &length)
                                     : ::getsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &value, &length);
  return got == 0 && value != 0;
}

}  // namespace remora
