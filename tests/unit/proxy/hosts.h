#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "upstream/host.h"
#include "upstream/host_set.h"

namespace remora::test {

/// Worker shards 1 and 2 besides the main thread's.
inline constexpr size_t kShards = 3;

/// An endpoint 10.0.<number / 256>.<number % 256>:80, changed by chaining.
struct EndpointBuilder {
  Endpoint endpoint;

  explicit EndpointBuilder(int number) {
    endpoint.address =
        Address::ip("10.0." + std::to_string(number / 256) + "." + std::to_string(number % 256), 80).value();
    endpoint.address_text = endpoint.address.to_string();
    endpoint.metadata = std::make_shared<Metadata>();
  }
  EndpointBuilder&& weight(uint32_t value) && { return endpoint.weight = value, std::move(*this); }
  EndpointBuilder&& priority(uint32_t value) && { return endpoint.priority = value, std::move(*this); }
  EndpointBuilder&& health(EndpointHealth value) && { return endpoint.health = value, std::move(*this); }
  EndpointBuilder&& zone(const std::string& name) && {
    endpoint.locality = std::make_shared<const Locality>(Locality{"region", name, ""});
    return std::move(*this);
  }
  EndpointBuilder&& label(const std::string& key, MetadataValue value) && {
    auto metadata = std::make_shared<Metadata>(*endpoint.metadata);
    auto& labels = metadata->filters["envoy.lb"].value;
    if (!std::holds_alternative<MetadataValue::Object>(labels)) labels = MetadataValue::Object{};
    std::get<MetadataValue::Object>(labels)[key] = std::move(value);
    endpoint.metadata = std::move(metadata);
    return std::move(*this);
  }
  operator Endpoint() && { return std::move(endpoint); }  // NOLINT: a builder
};

inline EndpointBuilder at(int number) { return EndpointBuilder(number); }

/// `count` equal endpoints, numbered from 1.
inline std::vector<Endpoint> endpoints(int count) {
  std::vector<Endpoint> result;
  for (int i = 1; i <= count; ++i) result.push_back(at(i));
  return result;
}

inline EndpointList list_of(const std::vector<Endpoint>& endpoints) {
  EndpointList list;
  for (const auto& endpoint : endpoints) list.push_back(std::make_shared<const Endpoint>(endpoint));
  return list;
}

inline HostUpdate update_hosts(const HostList& old, const std::vector<Endpoint>& list, size_t shards) {
  return remora::update_hosts(old, list_of(list), shards);
}

inline HostList hosts_of(const std::vector<Endpoint>& list) {
  return update_hosts(HostList(), list, kShards).hosts;
}

/// The number that the host's endpoint was built with; 0 for null.
inline int number_of(const Host* host) {
  if (host == nullptr) return 0;
  const auto* address = reinterpret_cast<const sockaddr_in*>(host->endpoint().address.sockaddr_ptr());
  return static_cast<int>(ntohl(address->sin_addr.s_addr) & 0xffff);
}

}  // namespace remora::test
