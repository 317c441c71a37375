#pragma once

#include <string>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"

namespace remora::xds {

/// The bootstrap as it was loaded, for what asks for it later: in its bytes, since as a message many static
/// clusters take ten times as much. Immutable, any thread.
class KeptBootstrap {
 public:
  using Message = envoy::config::bootstrap::v3::Bootstrap;

  explicit KeptBootstrap(const Message& message)
      : node_(message.node()),
        bytes_(message.SerializeAsString()) {}

  [[nodiscard]] const envoy::config::core::v3::Node& node() const { return node_; }
  /// Made anew each time.
  [[nodiscard]] Message message() const {
    Message made;
    made.ParseFromString(bytes_);
    return made;
  }
  /// How large it is.
  [[nodiscard]] size_t size() const { return bytes_.size(); }

 private:
  envoy::config::core::v3::Node node_;
  std::string bytes_;
};

}  // namespace remora::xds
