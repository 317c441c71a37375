#include "net/dial.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/socket_options.h"

namespace remora {
namespace {

void set_int(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof(value)); }

Result<void> prepare(int fd, int family, const DialOptions& options) {
  if (options.freebind) {
    if (auto done = set_freebind(fd, family); !done) return done;
  }
  if (options.transparent) {
    if (auto done = set_transparent(fd, family); !done) return done;
  }
  if (options.source.mark != 0) {
    const SocketOption mark{SOL_SOCKET, SO_MARK, static_cast<int>(options.source.mark)};
    if (auto done = set_socket_options(fd, {&mark, 1}, SocketOption::State::kPrebind); !done) return done;
  }
  if (auto done = set_socket_options(fd, options.options, SocketOption::State::kPrebind); !done) return done;
  if (family == AF_UNIX) return {};
  return set_socket_options(fd, options.tcp_options, SocketOption::State::kPrebind);
}

Result<void> bind_source(int fd, const Address& source) {
  // The port is chosen when the destination is known: many more of them can be shared.
  if (source.port() == 0) set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  if (::bind(fd, source.sockaddr_ptr(), source.length()) == 0) return {};
  return Error{"failed to bind to " + source.to_string() + ": " + std::strerror(errno)};
}

Dialled failed(int fd, std::string why) {
  if (fd >= 0) ::close(fd);
  return {-1, std::move(why)};
}

}  // namespace

Dialled dial(const Address& address, const DialOptions& options) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    const bool no_descriptor = errno == EMFILE || errno == ENFILE;
    auto result = failed(fd, std::string("immediate connect error: ") + std::strerror(errno));
    result.no_descriptor = no_descriptor;
    return result;
  }
  if (address.is_ip()) {
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (auto done = prepare(fd, address.family(), options); !done) return failed(fd, done.error().message);
    if (!options.source.address.empty()) {
      if (auto done = bind_source(fd, options.source.address); !done) {
        auto result = failed(fd, done.error().message);
        result.bind_failed = true;
        return result;
      }
    }
    if (auto done = set_socket_options(fd, options.options, SocketOption::State::kBound); !done)
      return failed(fd, done.error().message);
  }
  if (::connect(fd, address.sockaddr_ptr(), address.length()) != 0 && errno != EINPROGRESS)
    return failed(fd, std::string("immediate connect error: ") + std::strerror(errno));
  return {fd, {}};
}

Dialled dial_from(const UpstreamBind* bind, const Address& address, DialOptions options) {
  if (bind == nullptr) return dial(address, options);
  const auto fits = [&address](const auto& from) { return from.address.family() == address.family(); };
  auto from = std::find_if(bind->sources.begin(), bind->sources.end(), fits);
  if (from == bind->sources.end()) from = bind->sources.begin();
  options.options = from->options;
  options.freebind = bind->freebind;
  if (options.source.address.empty()) options.source.address = from->address;
  return dial(address, options);
}

}  // namespace remora
