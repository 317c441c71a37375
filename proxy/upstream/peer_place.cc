#include "upstream/peer_place.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/hash.h"

namespace remora {
namespace {

/// Splits at `mark`; no empty parts.
std::vector<std::string_view> parts_of(std::string_view text, char mark) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(mark), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// Where the node says that it is.
std::vector<std::string_view> addresses_of(const NodeInfo& node) {
  std::vector<std::string_view> addresses;
  const auto listed = node.metadata.find("INSTANCE_IPS");
  if (listed != node.metadata.end() && listed->second.string() != nullptr)
    addresses = parts_of(*listed->second.string(), ',');
  const auto id = parts_of(node.id, '~');
  if (id.size() == 4) addresses.push_back(id[1]);
  return addresses;
}

bool is_at(const Endpoint& endpoint, const std::vector<std::string_view>& addresses) {
  const auto known = [&](const Address& address) {
    return std::ranges::find(addresses, address.host()) != addresses.end();
  };
  return known(endpoint.address) || std::ranges::any_of(endpoint.additional_addresses, known);
}

/// The only host that is `wanted`; null if there is none, or more than one.
template <typename Wanted>
const Host* only(const HostList& hosts, const Wanted& wanted) {
  const auto is = [&](const auto& host) { return wanted(host->endpoint()); };
  const auto first = std::ranges::find_if(hosts, is);
  if (first == hosts.end() || std::any_of(first + 1, hosts.end(), is)) return nullptr;
  return first->get();
}

const Host* find_self(const HostList& peers, const NodeInfo& node) {
  const auto has_name = [&](const Endpoint& peer) { return !node.id.empty() && peer.hostname == node.id; };
  if (const Host* named = only(peers, has_name)) return named;
  const auto addresses = addresses_of(node);
  return addresses.empty() ? nullptr
                           : only(peers, [&](const Endpoint& peer) { return is_at(peer, addresses); });
}

}  // namespace

PeerPlace place_of(uint32_t peer, uint32_t peers) { return {static_cast<double>(peer) / peers, peers, peer}; }

std::optional<PeerPlace> find_place(const HostList& peers, const NodeInfo& node) {
  const Host* self = find_self(peers, node);
  if (self == nullptr) return std::nullopt;
  const RingOrder own = ring_order(self->endpoint());
  uint32_t before = 0;
  uint32_t count = 0;
  for (const auto& peer : peers) {
    if (*peer->endpoint().locality != *self->endpoint().locality) continue;
    ++count;
    if (ring_order(peer->endpoint()) < own) ++before;
  }
  return place_of(before, count);
}

PeerPlace place_by_hash(std::string_view id) {
  return {static_cast<double>(xx_hash64(id) >> 11) * 0x1p-53, 0, 0};
}

}  // namespace remora
