#pragma once

#include <google/protobuf/any.pb.h>

#include <string>

#include "remora/core/clock.h"

namespace remora::xds {

/// One accepted version of a resource, as it came.
struct ResourceRecord {
  google::protobuf::Any resource;
  std::string version;
  WallTime updated{};
};

/// The last update of a resource that was refused.
struct RefusedUpdate {
  ResourceRecord record;
  std::string details;
};

}  // namespace remora::xds
