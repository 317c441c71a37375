#pragma once

#include <string>

#include "envoy/config/core/v3/base.pb.h"

namespace remora::xds {

/// Who asks on a stream to a management server, in whichever variant of the protocol.
struct StreamIdentity {
  std::string feed;  // the key that the receiver knows the feed by
  envoy::config::core::v3::Node node;
  bool node_on_first_message_only = false;
};

}  // namespace remora::xds
