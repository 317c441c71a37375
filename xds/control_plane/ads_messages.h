#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "control_plane/ads_session.h"
#include "remora/core/result.h"

namespace envoy::service::discovery::v3 {
class DiscoveryRequest;
}

namespace remora::xds {

struct IncomingRequest {
  std::shared_ptr<const envoy::service::discovery::v3::DiscoveryRequest> message;  ///< without its names
  NamesPtr names;
};

/// Reads the requests of one stream. A proxy repeats all names that it follows with every acknowledgement,
/// which are thousands: as long as they stay the same, a request shares them with the one before. One thread
/// at a time.
class RequestReader {
 public:
  Result<IncomingRequest> read(grpc::ByteBuffer& bytes);

 private:
  std::map<istio::XdsType, NamesPtr> last_;
};

/// The part of a request that the session looks at; empty for types that are not served here.
std::optional<DiscoveryQuery> to_query(const IncomingRequest& request);

/// The response's bytes. Resources are not copied: the buffer shares them with every other response that
/// holds them.
grpc::ByteBuffer encode_response(const Delivery& delivery, const std::string& control_plane);

}  // namespace remora::xds
