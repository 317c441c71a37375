#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "remora/config/route.h"
#include "remora/core/address.h"
#include "remora/http/header_map.h"

namespace remora {

class FilterState;
struct Peer;

/// Who asks, and what. Borrowed.
struct HashSource {
  const HeaderMap& request;
  const Address& client;  ///< as the request's own headers may say: not always the connection's other end
  const Peer& connection;
  const FilterState* filter_state = nullptr;  ///< objects that filters have left; null: none
};

/// The number that stands for a request: what the policies find in it, combined. nullopt: nothing was found.
/// Where a policy's cookie is missing and may be made, its Set-Cookie value is appended to `made`; null: none
/// is. Requests of one connection get the same cookie. Allocates only for a rewrite, for many values of one
/// header, and for a cookie that it makes. Source: Envoy, RouteAction.hash_policy.
std::optional<uint64_t> request_hash(const std::vector<HashPolicy>& policies, const HashSource& source,
                                     std::vector<std::string>* made);

/// What picks one of an action's weighted clusters: the request's hash where use_hash_policy asks for it and
/// it has one, else `random`. No cookie is made for it.
uint64_t weighted_random(const RouteAction& action, const HashSource& source, uint64_t random);

/// The number that stands for a client's address, without its port; nullopt: it is no IP address.
std::optional<uint64_t> address_hash(const Address& client);

}  // namespace remora
