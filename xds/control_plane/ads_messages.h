#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "control_plane/ads_channel.h"
#include "remora/core/result.h"

namespace envoy::config::core::v3 {
class Node;
}

namespace remora::xds {

struct IncomingRequest {
  std::shared_ptr<const envoy::config::core::v3::Node> node;  ///< never null; empty but in a stream's first
  std::string type_url;
  std::optional<DiscoveryQuery> query;  ///< none for types that are not served here
};

/// Reads the requests of one stream. State of the world: a proxy repeats all names that it follows with every
/// acknowledgement, which are thousands: as long as they stay the same, a request shares them with the one
/// before. One thread at a time.
class RequestReader {
 public:
  explicit RequestReader(AdsProtocol protocol = AdsProtocol::kStateOfTheWorld) : protocol_(protocol) {}

  Result<IncomingRequest> read(grpc::ByteBuffer& bytes);

 private:
  Result<IncomingRequest> read_state(std::string_view bytes);

  const AdsProtocol protocol_;
  std::map<istio::XdsType, NamesPtr> last_;
};

/// The response's bytes: a DiscoveryResponse or a DeltaDiscoveryResponse. Resources are not copied: the
/// buffer shares them with every other response that holds them.
grpc::ByteBuffer encode_response(const Delivery& delivery, AdsProtocol protocol,
                                 const std::string& control_plane);

}  // namespace remora::xds
