#pragma once

#include <optional>
#include <string_view>

#include "remora/config/bootstrap.h"
#include "upstream/aperture.h"
#include "upstream/host.h"

namespace remora {

// Which of its peers a proxy is, by three ways of knowing.

/// `peer` is below `peers`.
PeerPlace place_of(uint32_t peer, uint32_t peers);

/// The proxy finds itself among `peers`: by a host name that is its node's id, else by an address that is in
/// the node's id as Istio writes it (TYPE~ADDRESS~...) or in its metadata INSTANCE_IPS. It counts those of
/// its own locality, in an order that is the same for all of them. nullopt: it is not there, or more than
/// once. O(peers). Why not those of other localities: they may prefer other hosts, and the peers that share
/// hosts must be alike.
std::optional<PeerPlace> find_place(const HostList& peers, const NodeInfo& node);

/// Anywhere, but always the same: by a hash of `id`. Many such proxies are spread, not evenly spaced.
PeerPlace place_by_hash(std::string_view id);

}  // namespace remora
