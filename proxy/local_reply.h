#pragma once

#include "http/h1_head.h"
#include "remora/config/local_reply.h"
#include "remora/core/failure.h"
#include "remora/filter/http_filter.h"
#include "remora/http/header_map.h"

namespace remora {

/// The one place that turns failures into answers.

/// What a caller is told about `failure`. `transport_failure`: what the connection attempt said; `retried`:
/// there was an earlier attempt; `request_complete`: for timeouts that mean the client until then and the
/// upstream afterwards.
LocalReply reply_for(Failure failure, std::string_view transport_failure, bool retried, bool request_complete,
                     std::string& details_storage);

/// What a client is told whose bytes were no request.
LocalReply reply_to_bad_head(HeadError error);

/// Fills `head` with the answer's head and returns the body to send, which `reply` holds. A gRPC caller
/// (content-type application/grpc) gets HTTP 200 with grpc-status and grpc-message in the head and no body.
/// `rewrite`, if not null, may first make another answer of it; its filters and formats see `info` with
/// `head` as the response. Source: Envoy, local reply; gRPC over HTTP/2.
std::string_view render_local_reply(LocalReply& reply, const LocalReplyConfig* rewrite, uint64_t random,
                                    ExchangeInfo& info, HeaderMap& head);

}  // namespace remora
