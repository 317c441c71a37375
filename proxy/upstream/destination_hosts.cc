#include "upstream/destination_hosts.h"

#include <functional>
#include <span>
#include <string_view>

namespace remora {
namespace {

std::shared_ptr<const Endpoint> make_endpoint(const std::string& hostname,
                                              std::span<const Address> addresses) {
  static const auto kNoMetadata = std::make_shared<const Metadata>();
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->address = addresses.front();
  endpoint->address_text = endpoint->address.to_string();
  for (const Address& other : addresses.subspan(1)) endpoint->additional_addresses.push_back(other);
  endpoint->hostname = hostname;
  endpoint->metadata = kNoMetadata;
  return endpoint;
}

}  // namespace

size_t AddressHash::operator()(const Address& address) const {
  const auto hash = [](const void* data, size_t size) {
    return std::hash<std::string_view>()({static_cast<const char*>(data), size});
  };
  const size_t port = size_t{address.port()} * 0x9e3779b97f4a7c15u;
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.sockaddr_ptr());
    return hash(&v4->sin_addr, sizeof(v4->sin_addr)) ^ port;
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.sockaddr_ptr());
  return address.family() == AF_INET6 ? hash(&v6->sin6_addr, sizeof(v6->sin6_addr)) ^ port
                                      : std::hash<std::string>()(address.to_string());
}

DestinationHosts::Joined DestinationHosts::join(
    const std::string& hostname, const std::function<std::shared_ptr<const Endpoint>()>& make) {
  const std::lock_guard lock(mutex_);
  auto& held = hosts_[hostname];
  if (!held.host) held.host = std::make_shared<const Host>(make(), std::make_shared<HostState>(shards_));
  return {held.host, ++held.workers == 1};
}

DestinationHosts::Joined DestinationHosts::join(const Address& address) {
  const std::string hostname = cluster_ + address.to_string();  // as Envoy names it
  return join(hostname, [&] { return make_endpoint(hostname, {&address, 1}); });
}

DestinationHosts::Joined DestinationHosts::join(const std::string& hostname,
                                                const std::vector<Address>& addresses) {
  return join(hostname, [&] { return make_endpoint(hostname, addresses); });
}

std::shared_ptr<const Host> DestinationHosts::renew(const Host& host, const std::vector<Address>& addresses) {
  const auto made =
      std::make_shared<const Host>(make_endpoint(host.endpoint().hostname, addresses), host.shared_state());
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host.endpoint().hostname);
  if (found == hosts_.end()) return made;
  // Another worker may have been here.
  const Endpoint& before = found->second.host->endpoint();
  const Endpoint& now = made->endpoint();
  if (before.address_text != now.address_text ||
      before.additional_addresses.list() != now.additional_addresses.list())
    found->second.host = made;
  return found->second.host;
}

bool DestinationHosts::leave(const Host& host) {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host.endpoint().hostname);
  if (found == hosts_.end() || --found->second.workers > 0) return false;
  hosts_.erase(found);
  return true;
}

HostList DestinationHosts::list() const {
  const std::lock_guard lock(mutex_);
  HostList all;
  all.reserve(hosts_.size());
  for (const auto& [hostname, held] : hosts_) all.push_back(held.host);
  return all;
}

size_t DestinationHosts::size() const {
  const std::lock_guard lock(mutex_);
  return hosts_.size();
}

}  // namespace remora
