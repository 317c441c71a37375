#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <optional>
#include <string>

#include "control_plane/ads_session.h"
#include "remora/core/result.h"

namespace envoy::service::discovery::v3 {
class DiscoveryRequest;
}

namespace remora::xds {

/// The request's bytes, parsed.
Result<std::shared_ptr<envoy::service::discovery::v3::DiscoveryRequest>> decode_request(
    grpc::ByteBuffer& bytes);

/// The part of a request that the session looks at; empty for types that are not served here.
std::optional<DiscoveryQuery> to_query(const envoy::service::discovery::v3::DiscoveryRequest& request);

/// The response's bytes. Resources are not copied: the buffer shares them with every other response that
/// holds them.
grpc::ByteBuffer encode_response(const Delivery& delivery, const std::string& control_plane);

}  // namespace remora::xds
