#pragma once

#include <string>
#include <string_view>

#include "client_address.h"
#include "peer.h"
#include "remora/config/listener.h"
#include "remora/core/random.h"
#include "remora/filter/http_filter.h"
#include "remora/http/header_map.h"

namespace remora {

/// What the connection manager makes of a request's head before routes and filters see it: who sent it,
/// whether it is internal, one normal form of path and host, a request id, and nobody else's x-envoy-*
/// headers. Source: Envoy, HTTP header manipulation and header sanitizing.
struct HeadVerdict {
  enum class Kind : uint8_t { kAccept, kReply };
  Kind kind = Kind::kAccept;
  LocalReply reply;
};

/// Edits `head` in place. `internal_only` are the route table's headers that external requests must not
/// carry.
HeadVerdict prepare_request_head(HeaderMap& head, const HttpConnectionManagerConfig& config, const Peer& peer,
                                 const std::vector<std::string>* internal_only, Random& random,
                                 RequestOrigin& origin);

/// 36 characters of a random UUID (version 4) into `out`.
void write_uuid(Random& random, char* out);

}  // namespace remora
