#pragma once

#include <cstdint>
#include <string_view>

#include "peer.h"
#include "remora/config/listener.h"
#include "remora/core/address.h"
#include "remora/http/header_map.h"

namespace remora {

struct RequestOrigin {
  Address remote;  ///< the client, after x-forwarded-for or what else tells of it has been weighed
  bool internal = false;
};

/// Learns from `head` and the connection whom the request comes from, as far as the configuration trusts
/// them, and adds what this hop knows to x-forwarded-for, -proto and -port. Returns the status to refuse the
/// request with where its origin has to be known and is not; else 0. Source: Envoy, x-forwarded-for and
/// original_ip_detection_extensions.
uint16_t find_origin(HeaderMap& head, const HttpConnectionManagerConfig& config, const Peer& peer,
                     RequestOrigin& origin);

/// The last hop in `forwarded_for`, counted from the right: 0 is the rightmost. Empty address if there is
/// none or it is no IP address.
Address forwarded_for_hop(std::string_view forwarded_for, uint32_t hop);

/// The rightmost hop that is in none of the ranges; the leftmost, if all are. Empty address if what would be
/// looked at is no IP address.
Address untrusted_hop(std::string_view forwarded_for, const std::vector<CidrRange>& trusted);

}  // namespace remora
