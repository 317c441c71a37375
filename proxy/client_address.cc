#include "client_address.h"

#include <algorithm>

#include "field_list.h"

namespace remora {
namespace {

bool contains(const std::vector<CidrRange>& ranges, const Address& address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const CidrRange& range) { return range.contains(address); });
}

bool is_internal(const Address& address, const HttpConnectionManagerConfig& config) {
  return address.is_unix() ? config.unix_sockets_internal : contains(config.internal_ranges, address);
}

Address to_ip(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.empty()) return {};
  auto address = Address::ip(text, 0);
  return address ? *address : Address();
}

/// Takes the last member off a list.
std::string_view take_last(std::string_view& list) {
  const size_t comma = list.rfind(',');
  const auto member = comma == std::string_view::npos ? list : list.substr(comma + 1);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  return member;
}

void append_peer(HeaderMap& head, const Peer& peer) {
  if (peer.remote().is_ip()) append_to_list(head, HeaderId::kXForwardedFor, peer.host);
}

bool has_one_member(std::string_view list) {
  return !list.empty() && list.find(',') == std::string_view::npos;
}

/// The peer is the client, or the last of so many trusted proxies.
void find_by_peer(HeaderMap& head, const HttpConnectionManagerConfig& config, const Peer& peer,
                  std::string_view own_proto, RequestOrigin& origin) {
  origin.internal = !head.has(HeaderId::kXForwardedFor) && is_internal(peer.remote(), config);
  if (config.xff_num_trusted_hops > 0) {
    const auto trusted =
        forwarded_for_hop(head.value_of(HeaderId::kXForwardedFor), config.xff_num_trusted_hops - 1);
    if (!trusted.empty()) origin.remote = trusted;
  }
  if (!config.skip_xff_append) append_peer(head, peer);
  // The peer is the client: nobody in front of us can have known the scheme better.
  if (config.xff_num_trusted_hops == 0) head.set(HeaderId::kXForwardedProto, own_proto);
}

/// By x-forwarded-for; a peer that is not trusted to have written it is only added.
Address find_by_hops(HeaderMap& head, const OriginalIpDetection& way, const Peer& peer) {
  const auto forwarded = head.value_of(HeaderId::kXForwardedFor);
  const bool by_range = !way.trusted_ranges.empty();
  const bool trusted = !by_range || contains(way.trusted_ranges, peer.remote());
  if (way.append || !trusted) append_peer(head, peer);
  if (!trusted) return {};
  return by_range ? untrusted_hop(forwarded, way.trusted_ranges)
                  : forwarded_for_hop(forwarded, way.trusted_hops);
}

uint16_t find_by_extensions(HeaderMap& head, const HttpConnectionManagerConfig& config, const Peer& peer,
                            RequestOrigin& origin) {
  for (const auto& way : config.original_ip) {
    Address found;
    bool may_be_internal = way.trusted;
    if (way.header.empty()) {
      may_be_internal = has_one_member(head.value_of(HeaderId::kXForwardedFor));
      found = find_by_hops(head, way, peer);
    } else {
      if (const auto value = head.get(way.header)) found = to_ip(*value);
      if (found.empty() && way.reject_status != 0) return way.reject_status;
    }
    if (found.empty()) continue;
    origin.remote = found;
    origin.internal = may_be_internal && is_internal(found, config);
    break;
  }
  return 0;
}

void find_by_forwarded_for(const HeaderMap& head, const HttpConnectionManagerConfig& config,
                           RequestOrigin& origin) {
  const auto forwarded = head.value_of(HeaderId::kXForwardedFor);
  const auto trusted = forwarded_for_hop(forwarded, config.xff_num_trusted_hops);
  if (trusted.empty()) return;
  origin.remote = trusted;
  origin.internal = has_one_member(forwarded) && is_internal(trusted, config);
}

}  // namespace

uint16_t find_origin(HeaderMap& head, const HttpConnectionManagerConfig& config, const Peer& peer,
                     RequestOrigin& origin) {
  const std::string_view own_proto = peer.tls ? "https" : "http";
  origin.remote = peer.remote();
  origin.internal = false;
  if (config.use_remote_address) {
    find_by_peer(head, config, peer, own_proto, origin);
  } else if (config.original_ip.empty()) {
    find_by_forwarded_for(head, config, origin);
  } else if (const uint16_t refused = find_by_extensions(head, config, peer, origin); refused != 0) {
    return refused;
  }
  if (!head.has(HeaderId::kXForwardedProto)) head.add(HeaderId::kXForwardedProto, own_proto);
  if (config.append_x_forwarded_port && !head.has(HeaderId::kXForwardedPort))
    head.add(HeaderId::kXForwardedPort, uint64_t{peer.local.port()});
  return 0;
}

Address forwarded_for_hop(std::string_view forwarded_for, uint32_t hop) {
  while (hop > 0 && !forwarded_for.empty()) {
    take_last(forwarded_for);
    --hop;
  }
  return to_ip(take_last(forwarded_for));
}

Address untrusted_hop(std::string_view forwarded_for, const std::vector<CidrRange>& trusted) {
  Address hop;
  while (!forwarded_for.empty()) {
    hop = to_ip(take_last(forwarded_for));
    if (hop.empty() || !contains(trusted, hop)) break;
  }
  return hop;
}

}  // namespace remora
