#include "listener/listen_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "net/socket_options.h"

namespace remora {
namespace {

/// Closes the descriptors it was given unless they have been taken.
struct SocketGuard {
  std::vector<int> sockets;
  ~SocketGuard() {
    for (const int socket : sockets) ::close(socket);
  }
};

Error socket_error(const Address& address, const char* what) {
  return Error{"cannot " + std::string(what) + " '" + address.to_string() + "': " + std::strerror(errno)};
}

void set_flag(int fd, int level, int option) {
  const int one = 1;
  setsockopt(fd, level, option, &one, sizeof(one));
}

Result<void> prepare(int fd, const ListenerConfig& config, int family) {
  set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
  if (config.reuse_port) set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
  set_flag(fd, IPPROTO_TCP, TCP_NODELAY);  // accepted sockets inherit it
  // As Envoy without ipv4_compat: [::] leaves 0.0.0.0 to another socket.
  if (family == AF_INET6) set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (config.transparent) {
    if (auto done = set_transparent(fd, family); !done) return done;
  }
  return config.freebind ? set_freebind(fd, family) : Result<void>();
}

Result<int> listening_socket(const ListenerConfig& config, const Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return socket_error(address, "make a socket for");
  SocketGuard guard{{fd}};
  const auto set = [&](SocketOption::State state) {
    return set_socket_options(fd, config.socket_options, state);
  };
  const auto where = "'" + address.to_string() + "'";
  if (address.is_unix()) {
    const auto path = address.to_string();
    if (!path.starts_with('@')) ::unlink(path.c_str());
  } else if (auto done = prepare(fd, config, address.family()); !done) {
    return std::move(done).error().in(where);
  }
  if (auto done = set(SocketOption::State::kPrebind); !done) return std::move(done).error().in(where);
  if (::bind(fd, address.sockaddr_ptr(), address.length()) != 0) return socket_error(address, "bind");
  if (auto done = set(SocketOption::State::kBound); !done) return std::move(done).error().in(where);
  if (::listen(fd, config.tcp_backlog > 0 ? static_cast<int>(config.tcp_backlog) : SOMAXCONN) != 0)
    return socket_error(address, "listen on");
  if (auto done = set(SocketOption::State::kListening); !done) return std::move(done).error().in(where);
  guard.sockets.clear();
  return fd;
}

Address bound_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length);
  return Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), length);
}

}  // namespace

Result<std::vector<std::vector<int>>> bind_listener(const ListenerConfig& config, size_t workers,
                                                    std::vector<Address>& bound) {
  SocketGuard guard;
  std::vector<std::vector<int>> per_worker(workers);
  std::vector<Address> addresses = {config.address};
  addresses.insert(addresses.end(), config.additional_addresses.begin(), config.additional_addresses.end());
  for (auto& address : addresses) {
    int shared = -1;
    for (size_t worker = 0; worker < workers; ++worker) {
      int fd = -1;
      if (worker > 0 && (!config.reuse_port || address.is_unix())) {
        fd = ::dup(shared);  // one queue for all: whoever wakes first accepts
        if (fd < 0) return socket_error(address, "share the socket of");
      } else {
        auto made = listening_socket(config, address);
        if (!made) return std::move(made).error();
        fd = *made;
      }
      guard.sockets.push_back(fd);
      if (worker == 0) {
        shared = fd;
        if (address.is_ip())
          address = bound_address(fd);  // the others must join the port that the first one got
        bound.push_back(address);
      }
      per_worker[worker].push_back(fd);
    }
  }
  guard.sockets.clear();
  return per_worker;
}

}  // namespace remora
