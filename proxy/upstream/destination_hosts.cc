#include "upstream/destination_hosts.h"

#include <functional>
#include <string_view>

namespace remora {
namespace {

std::shared_ptr<const Host> make_host(const Address& address, const std::string& cluster, size_t shards) {
  static const auto kNoMetadata = std::make_shared<const Metadata>();
  Endpoint endpoint;
  endpoint.address = address;
  endpoint.address_text = address.to_string();
  endpoint.hostname = cluster + endpoint.address_text;  // as Envoy names it
  endpoint.metadata = kNoMetadata;
  return std::make_shared<const Host>(std::make_shared<const Endpoint>(std::move(endpoint)),
                                      std::make_shared<HostState>(shards));
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

DestinationHosts::Joined DestinationHosts::join(const Address& address) {
  const std::lock_guard lock(mutex_);
  auto& held = hosts_[address];
  if (!held.host) held.host = make_host(address, cluster_, shards_);
  return {held.host, ++held.workers == 1};
}

bool DestinationHosts::leave(const Host& host) {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host.endpoint().address);
  if (found == hosts_.end() || --found->second.workers > 0) return false;
  hosts_.erase(found);
  return true;
}

HostList DestinationHosts::list() const {
  const std::lock_guard lock(mutex_);
  HostList all;
  all.reserve(hosts_.size());
  for (const auto& [address, held] : hosts_) all.push_back(held.host);
  return all;
}

size_t DestinationHosts::size() const {
  const std::lock_guard lock(mutex_);
  return hosts_.size();
}

}  // namespace remora
