#include "admin/listen_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace remora::admin {
namespace {

constexpr int kBacklog = 64;

Error failed(int fd, const char* what, const Address& address) {
  Error error{"admin address " + address.to_string() + ": cannot " + what + ": " + std::strerror(errno)};
  if (fd >= 0) close(fd);
  return error;
}

bool has_path(const Address& address) { return address.is_unix() && !address.host().starts_with('@'); }

// True if somebody accepts connections there.
bool answers(const Address& address) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  const bool connected = connect(fd, address.sockaddr_ptr(), address.length()) == 0 || errno == EAGAIN;
  close(fd);
  return connected;
}

}  // namespace

Result<ListenSocket> open_listen_socket(const Address& address) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed(fd, "make a socket", address);
  const int on = 1;
  if (address.is_ip() && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    return failed(fd, "set SO_REUSEADDR", address);
  }
  if (has_path(address) && !answers(address)) unlink(address.host().c_str());
  if (bind(fd, address.sockaddr_ptr(), address.length()) != 0) return failed(fd, "bind", address);
  if (listen(fd, kBacklog) != 0) return failed(fd, "listen", address);

  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length) != 0)
    return failed(fd, "read its name", address);
  return ListenSocket{fd, Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&name), length)};
}

}  // namespace remora::admin
