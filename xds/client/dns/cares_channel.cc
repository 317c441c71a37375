#include "client/dns/cares_channel.h"

#include <arpa/inet.h>
#include <poll.h>

#include <mutex>

#include "client/log.h"

namespace remora::xds {
namespace {

/// So that a change of /etc/resolv.conf is noticed.
constexpr Milliseconds kLongestUse{60000};

/// As c-ares reads them; without a port it takes the usual one.
std::string servers_text(const std::vector<Address>& servers) {
  std::string text;
  for (const Address& server : servers) {
    if (!text.empty()) text += ',';
    text += server.port() == 0 ? server.host() : server.to_string();
  }
  return text;
}

/// What c-ares assumes of a system that names no server: one on loopback, on the usual port.
bool has_only_the_assumed_server(ares_channel channel) {
  ares_addr_port_node* servers = nullptr;
  if (ares_get_servers_ports(channel, &servers) != ARES_SUCCESS) return false;
  const bool assumed =
      servers == nullptr || (servers->next == nullptr && servers->family == AF_INET &&
                             servers->addr.addr4.s_addr == htonl(INADDR_LOOPBACK) && servers->udp_port == 0);
  ares_free_data(servers);
  return assumed;
}

int set_options(const DnsResolverConfig& config, ares_options& options) {
  int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_FLAGS;
  if (config.use_tcp) options.flags |= ARES_FLAG_USEVC;
  if (config.no_search) options.flags |= ARES_FLAG_NOSEARCH;
  if (config.edns_payload_size > 0) {
    options.flags |= ARES_FLAG_EDNS;
    options.ednspsz = static_cast<int>(config.edns_payload_size);
    mask |= ARES_OPT_EDNSPSZ;
  }
  if (config.query_timeout) {
    options.timeout = static_cast<int>(config.query_timeout->count());
    mask |= ARES_OPT_TIMEOUTMS;
  }
  if (config.query_tries) {
    options.tries = static_cast<int>(*config.query_tries);
    mask |= ARES_OPT_TRIES;
  }
  return mask | (config.rotate_servers ? ARES_OPT_ROTATE : ARES_OPT_NOROTATE);
}

}  // namespace

CaresChannel::CaresChannel(const DnsResolverConfig& config, MonotonicTime now) : config_(config), made_(now) {
  static std::once_flag once;
  std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  ares_options options{};
  const int mask = set_options(config_, options);
  options.sock_state_cb_data = this;
  options.sock_state_cb = [](void* self, ares_socket_t socket, int readable, int writable) {
    auto& sockets = static_cast<CaresChannel*>(self)->sockets_;
    if (readable == 0 && writable == 0) {
      sockets.erase(socket);
    } else {
      sockets[socket] = static_cast<short>((readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0));
    }
  };
  if (const int status = ares_init_options(&channel_, &options, mask); status != ARES_SUCCESS) {
    log(LogLevel::kWarning, std::string("names cannot be resolved: ") + ares_strerror(status));
    channel_ = nullptr;
    return;
  }
  set_servers();
}

CaresChannel::~CaresChannel() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

void CaresChannel::set_servers() {
  if (config_.servers.empty()) return;
  if (config_.servers_are_fallback && !has_only_the_assumed_server(channel_)) return;
  const std::string servers = servers_text(config_.servers);
  if (const int status = ares_set_servers_ports_csv(channel_, servers.c_str()); status != ARES_SUCCESS)
    log(LogLevel::kWarning, "the DNS resolvers " + servers + " cannot be used: " + ares_strerror(status));
}

void CaresChannel::ask(const std::string& name, int family, ares_addrinfo_callback done, void* argument) {
  ++asked_;
  ++in_flight_;
  if (channel_ == nullptr) return done(argument, ARES_ENOTINITIALIZED, 0, nullptr);
  ares_addrinfo_hints hints{};
  hints.ai_family = family;
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, done, argument);
}

void CaresChannel::ended(int status, int timeouts) {
  --in_flight_;
  if (status == ARES_ECONNREFUSED || status == ARES_ENOTINITIALIZED) broken_ = true;
  if (config_.renew_on_timeout && (timeouts > 0 || status == ARES_ETIMEOUT)) broken_ = true;
}

void CaresChannel::process(int socket, short events) {
  if (channel_ == nullptr) return;
  const bool readable = (events & (POLLIN | POLLERR | POLLHUP)) != 0;
  const bool writable = (events & POLLOUT) != 0;
  ares_process_fd(channel_, readable ? socket : ARES_SOCKET_BAD, writable ? socket : ARES_SOCKET_BAD);
}

MonotonicTime CaresChannel::next_due(MonotonicTime now) const {
  timeval left{};
  if (channel_ == nullptr || ares_timeout(channel_, nullptr, &left) == nullptr) return MonotonicTime::max();
  return now + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

bool CaresChannel::is_spent(MonotonicTime now) const {
  const bool is_used_up = config_.udp_max_queries > 0 && asked_ >= config_.udp_max_queries;
  const auto longest =
      config_.longest_channel.count() > 0 ? std::min(config_.longest_channel, kLongestUse) : kLongestUse;
  return broken_ || is_used_up || now - made_ >= longest;
}

}  // namespace remora::xds
