#include "listener_manager.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "log.h"
#include "stats/http_stats.h"

namespace remora {
namespace {

enum ManagerStat : size_t {
  kListenerAdded,
  kListenerModified,
  kListenerRemoved,
  kListenerStopped,
  kListenerCreateSuccess,
  kListenerCreateFailure,
  kListenerInPlaceUpdated,
  kTotalListenersActive,
  kTotalListenersDraining,
  kWorkersStarted
};
constexpr StatDef kManagerStatDefs[] = {
    {"listener_added"},
    {"listener_modified"},
    {"listener_removed"},
    {"listener_stopped"},
    {"listener_create_success"},
    {"listener_create_failure"},
    {"listener_in_place_updated"},
    {"total_listeners_active", StatKind::kGauge},
    {"total_listeners_draining", StatKind::kGauge},
    {"workers_started", StatKind::kGauge},
};

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

Result<int> listening_socket(const ListenerConfig& config, const Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return socket_error(address, "make a socket for");
  SocketGuard guard{{fd}};
  if (address.is_unix()) {
    const auto path = address.to_string();
    if (!path.starts_with('@')) ::unlink(path.c_str());
  } else {
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (config.reuse_port) set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
    set_flag(fd, IPPROTO_TCP, TCP_NODELAY);  // accepted sockets inherit it
    if (config.transparent)
      set_flag(fd, address.family() == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
               address.family() == AF_INET6 ? IPV6_TRANSPARENT : IP_TRANSPARENT);
    if (config.freebind)
      set_flag(fd, address.family() == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
               address.family() == AF_INET6 ? IPV6_FREEBIND : IP_FREEBIND);
  }
  if (::bind(fd, address.sockaddr_ptr(), address.length()) != 0) return socket_error(address, "bind");
  if (::listen(fd, config.tcp_backlog > 0 ? static_cast<int>(config.tcp_backlog) : SOMAXCONN) != 0)
    return socket_error(address, "listen on");
  guard.sockets.clear();
  return fd;
}

Address bound_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length);
  return Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), length);
}

bool same_addresses(const ListenerConfig& a, const ListenerConfig& b) {
  return a.address == b.address && a.additional_addresses == b.additional_addresses &&
         a.reuse_port == b.reuse_port && a.bind_to_port == b.bind_to_port;
}

std::string stat_prefix(const ListenerConfig& config) {
  auto prefix = config.stat_prefix.empty() ? config.address.to_string() : config.stat_prefix;
  std::replace(prefix.begin(), prefix.end(), ':', '_');
  return prefix;
}

}  // namespace

ListenerManager::ListenerManager(StatsStore& stats, AccessLogWriter& logs, size_t workers)
    : stats_(stats),
      logs_(logs),
      workers_(workers),
      scope_(stats.make_scope(kManagerStatDefs, {"listener_manager.", "envoy_listener_manager_", {}, {}})) {
  scope_->block(0).set(kWorkersStarted, 1);
}

ListenerManager::~ListenerManager() = default;

void ListenerManager::count_change(size_t kind) {
  scope_->block(0).add(kind);
  scope_->block(0).set(kTotalListenersActive, listeners_.size());
}
void ListenerManager::count_failure() { scope_->block(0).add(kListenerCreateFailure); }
void ListenerManager::count_success() { scope_->block(0).add(kListenerCreateSuccess, workers_); }

Result<std::vector<std::vector<int>>> ListenerManager::bind(const ListenerConfig& config,
                                                            std::vector<Address>& bound) {
  SocketGuard guard;
  std::vector<std::vector<int>> per_worker(workers_);
  std::vector<Address> addresses = {config.address};
  addresses.insert(addresses.end(), config.additional_addresses.begin(), config.additional_addresses.end());
  for (auto& address : addresses) {
    int shared = -1;
    for (size_t worker = 0; worker < workers_; ++worker) {
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

Result<std::shared_ptr<const ListenerRuntime>> ListenerManager::make_runtime(
    std::shared_ptr<const ListenerConfig> config, const Bound* old) {
  auto runtime = std::make_shared<ListenerRuntime>();
  const auto& http = *config->filter_chains.front().http;
  for (const auto& log : http.access_logs) {
    auto file = logs_.open(*log);
    if (!file) return std::move(file).error();
    runtime->logs.push_back(*file);
  }
  const auto prefix = stat_prefix(*config);
  const auto same = [](const std::shared_ptr<StatScope>& scope, const ScopeName& name) {
    return scope->name().prefix == name.prefix;
  };
  const auto keep_or_make = [&](std::shared_ptr<StatScope> ListenerRuntime::*member, StatSchema schema,
                                ScopeName name) {
    if (old != nullptr && same((*old->runtime).*member, name)) {
      (*runtime).*member = (*old->runtime).*member;
      return;
    }
    // Two listeners may count into one name, as connection managers with the same stat_prefix do.
    for (const auto& [other, bound] : listeners_) {
      if (!same((*bound.runtime).*member, name)) continue;
      (*runtime).*member = (*bound.runtime).*member;
      return;
    }
    (*runtime).*member = stats_.make_scope(schema, std::move(name));
  };
  keep_or_make(&ListenerRuntime::stats, listener_stat_schema(), listener_scope_name(prefix));
  keep_or_make(&ListenerRuntime::http_stats, http_stat_schema(), http_scope_name(http.stat_prefix));
  keep_or_make(&ListenerRuntime::response_stats, listener_http_stat_schema(),
               listener_http_scope_name(prefix, http.stat_prefix));
  for (size_t worker = 0; worker < workers_; ++worker) {
    runtime->worker_stats.push_back(
        stats_.make_scope(listener_worker_stat_schema(), listener_worker_scope_name(prefix, worker)));
  }
  runtime->config = std::move(config);
  return std::shared_ptr<const ListenerRuntime>(std::move(runtime));
}

Result<void> ListenerManager::add(std::shared_ptr<const ListenerConfig> config,
                                  std::vector<WorkerBatch>& out) {
  const auto found = listeners_.find(config->name);
  const Bound* old = found == listeners_.end() ? nullptr : &found->second;
  const bool in_place = old != nullptr && same_addresses(*old->runtime->config, *config);
  auto runtime = make_runtime(config, old);
  if (!runtime) return std::move(runtime).error().in("listener '" + config->name + "'");
  Bound bound{*runtime, {}};
  std::vector<std::vector<int>> sockets(workers_);
  if (in_place) {
    bound.addresses = old->addresses;
  } else if (config->bind_to_port) {
    auto made = bind(*config, bound.addresses);
    if (!made) return std::move(made).error().in("listener '" + config->name + "'");
    sockets = std::move(*made);
  }
  for (size_t worker = 0; worker < workers_; ++worker)
    out[worker].listeners.push_back({bound.runtime, std::move(sockets[worker])});
  if (old == nullptr) order_.push_back(config->name);
  for (const auto& address : bound.addresses)
    log_info("listener", "listener '{}' at {}", config->name, address.to_string());
  listeners_[config->name] = std::move(bound);
  count_change(old == nullptr ? kListenerAdded : kListenerModified);
  if (in_place) scope_->block(0).add(kListenerInPlaceUpdated);
  count_success();
  return {};
}

void ListenerManager::remove(const std::string& name, std::vector<WorkerBatch>& out) {
  if (listeners_.erase(name) == 0) return;
  std::erase(order_, name);
  for (auto& batch : out) batch.removed_listeners.push_back(name);
  count_change(kListenerRemoved);
}

std::vector<const ListenerManager::Bound*> ListenerManager::listeners() const {
  std::vector<const Bound*> all;
  for (const auto& name : order_) all.push_back(&listeners_.find(name)->second);
  return all;
}

uint64_t ListenerManager::connections() const {
  uint64_t sum = 0;
  for (const auto& [name, bound] : listeners_) sum += bound.runtime->stats->value(kListenerCxActive);
  return sum;
}

}  // namespace remora
