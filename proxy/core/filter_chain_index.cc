#include "core/filter_chain_index.h"

#include <array>
#include <optional>
#include <utility>

#include "core/chain_levels.h"

namespace remora {
namespace {

using SourceType = FilterChainMatch::SourceType;

struct Leaf {
  uint32_t chain = FilterChainIndex::kNone;
};
using SourcePorts = ExactLevel<uint16_t, Leaf>;
using SourceAddresses = RangeLevel<SourcePorts>;
struct SourceTypes {
  std::array<std::unique_ptr<SourceAddresses>, 3> kinds;  // by SourceType
  SourceAddresses& at(SourceType type) {
    auto& kind = kinds[static_cast<size_t>(type)];
    if (!kind) kind = std::make_unique<SourceAddresses>();
    return *kind;
  }
};
using DirectSources = RangeLevel<SourceTypes>;
using ApplicationProtocols = NameLevel<DirectSources>;
using TransportProtocols = NameLevel<ApplicationProtocols>;
using ServerNames = NameLevel<TransportProtocols>;
using Destinations = RangeLevel<ServerNames>;
using DestinationPorts = ExactLevel<uint16_t, Destinations>;

/// Calls `then` for each key's place in `level`, or for "any" without keys; false as soon as one call is.
template <typename Level, typename Keys, typename Then>
bool each(Level& level, const Keys& keys, Then then) {
  if (keys.empty()) return then(level.any());
  for (const auto& key : keys) {
    if (!then(level.at(key))) return false;
  }
  return true;
}

/// "*.example.com" is kept as ".example.com": no name begins with a dot.
std::vector<std::string> name_keys(const std::vector<std::string>& names) {
  std::vector<std::string> keys;
  keys.reserve(names.size());
  for (const auto& name : names) keys.push_back(name.starts_with("*.") ? name.substr(1) : name);
  return keys;
}

template <typename Value>
std::vector<Value> list_of(const std::optional<Value>& value) {
  return value ? std::vector<Value>{*value} : std::vector<Value>{};
}

/// The part of a match that looks at the client. False: `taken` is whose place it would take.
bool insert_source(DirectSources& sources, const FilterChainMatch& match, uint32_t chain, uint32_t& taken) {
  return each(sources, match.direct_source_ranges, [&](SourceTypes& types) {
    return each(types.at(match.source_type), match.source_ranges, [&](SourcePorts& ports) {
      return each(ports, match.source_ports, [&](Leaf& leaf) {
        if (leaf.chain == FilterChainIndex::kNone) leaf.chain = chain;
        taken = leaf.chain;
        return leaf.chain == chain;
      });
    });
  });
}

bool insert(DestinationPorts& ports, const FilterChainMatch& match, uint32_t chain, uint32_t& taken) {
  std::vector<std::string> transport;
  if (!match.transport_protocol.empty()) transport.push_back(match.transport_protocol);
  return each(ports, list_of(match.destination_port), [&](Destinations& destinations) {
    return each(destinations, match.destination_ranges, [&](ServerNames& names) {
      return each(names, name_keys(match.server_names), [&](TransportProtocols& transports) {
        return each(transports, transport, [&](ApplicationProtocols& protocols) {
          return each(protocols, match.application_protocols,
                      [&](DirectSources& sources) { return insert_source(sources, match, chain, taken); });
        });
      });
    });
  });
}

const TransportProtocols* find_name(const ServerNames& names, std::string_view name) {
  if (const auto* found = names.find_exact(name)) return found;
  for (size_t dot = name.find('.', 1); dot != std::string_view::npos && dot + 1 < name.size();
       dot = name.find('.', dot + 1)) {
    if (const auto* found = names.find_exact(name.substr(dot))) return found;
  }
  return names.find_any();
}

template <typename Next>
const Next* find_or_any(const NameLevel<Next>& level, std::string_view name) {
  const auto* found = level.find_exact(name);
  return found != nullptr ? found : level.find_any();
}

const DirectSources* find_protocol(const ApplicationProtocols& level, std::span<const std::string> wanted) {
  for (const auto& protocol : wanted) {
    if (const auto* found = level.find_exact(std::string_view(protocol))) return found;
  }
  return level.find_any();
}

/// As Envoy: of 127.0.0.0/8 only the one address that everybody means counts as loopback.
bool is_local(const ChainFacts& facts) {
  static const Address kLoopback[] = {*Address::ip("127.0.0.1", 0), *Address::ip("::1", 0)};
  if (!facts.remote.is_ip()) return true;
  const auto remote = address_bytes(facts.remote);
  return remote == address_bytes(kLoopback[0]) || remote == address_bytes(kLoopback[1]) ||
         remote == address_bytes(facts.local);
}

const SourceAddresses* find_type(const SourceTypes& types, const ChainFacts& facts) {
  const auto kind = [&types](SourceType type) { return types.kinds[static_cast<size_t>(type)].get(); };
  const auto* local = kind(SourceType::kSameIpOrLoopback);
  const auto* external = kind(SourceType::kExternal);
  if (local != nullptr || external != nullptr) {
    if (const auto* found = is_local(facts) ? local : external) return found;
  }
  return kind(SourceType::kAny);
}

template <typename Level>
auto find_port(const Level& level, const Address& address) {
  const auto* found = address.is_ip() ? level.find_exact(address.port()) : nullptr;
  return found != nullptr ? found : level.find_any();
}

std::string name_of(std::span<const FilterChain> chains, uint32_t chain) {
  const auto& name = chains[chain].name;
  return name.empty() ? "filter_chains[" + std::to_string(chain) + "]" : "'" + name + "'";
}

bool matches_everything(const FilterChainMatch& match) {
  return !match.destination_port && match.destination_ranges.empty() && match.server_names.empty() &&
         match.transport_protocol.empty() && match.application_protocols.empty() &&
         match.direct_source_ranges.empty() && match.source_type == SourceType::kAny &&
         match.source_ranges.empty() && match.source_ports.empty();
}

}  // namespace

std::string_view address_bytes(const Address& address) {
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.sockaddr_ptr());
    return {reinterpret_cast<const char*>(&v4->sin_addr), sizeof(v4->sin_addr)};
  }
  if (address.family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.sockaddr_ptr());
    return {reinterpret_cast<const char*>(&v6->sin6_addr), sizeof(v6->sin6_addr)};
  }
  return {};
}

struct FilterChainIndex::Levels {
  DestinationPorts ports;
};

FilterChainIndex::FilterChainIndex() : levels_(std::make_unique<Levels>()) {}
FilterChainIndex::FilterChainIndex(FilterChainIndex&&) noexcept = default;
FilterChainIndex& FilterChainIndex::operator=(FilterChainIndex&&) noexcept = default;
FilterChainIndex::~FilterChainIndex() = default;

Result<FilterChainIndex> FilterChainIndex::build(std::span<const FilterChain> chains) {
  FilterChainIndex index;
  for (uint32_t chain = 0; chain < chains.size(); ++chain) {
    uint32_t taken = kNone;
    if (!insert(index.levels_->ports, chains[chain].match, chain, taken)) {
      return Error{"filter chain " + name_of(chains, chain) + " matches the same connections as " +
                   name_of(chains, taken)};
    }
  }
  if (chains.size() == 1 && matches_everything(chains[0].match)) index.only_ = 0;
  return index;
}

uint32_t FilterChainIndex::find(const ChainFacts& facts) const {
  if (only_ != kNone) return only_;
  const auto* destinations = find_port(levels_->ports, facts.local);
  if (destinations == nullptr) return kNone;
  const auto* names = destinations->find(facts.local);
  const auto* transports = names == nullptr ? nullptr : find_name(*names, facts.server_name);
  const auto* protocols =
      transports == nullptr ? nullptr : find_or_any(*transports, facts.transport_protocol);
  const auto* direct =
      protocols == nullptr ? nullptr : find_protocol(*protocols, facts.application_protocols);
  const auto* types = direct == nullptr ? nullptr : direct->find(facts.direct_remote);
  const auto* sources = types == nullptr ? nullptr : find_type(*types, facts);
  const auto* ports = sources == nullptr ? nullptr : sources->find(facts.remote);
  const auto* leaf = ports == nullptr ? nullptr : find_port(*ports, facts.remote);
  return leaf == nullptr ? kNone : leaf->chain;
}

}  // namespace remora
