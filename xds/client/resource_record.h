#pragma once

#include <google/protobuf/any.pb.h>

#include <memory>
#include <string>

#include "remora/core/clock.h"

namespace remora::xds {

/// A message in its bytes, as it came. There are two for each cluster: what they have in common (the name of
/// their type) is kept once.
class PackedResource {
 public:
  PackedResource() = default;
  PackedResource(const google::protobuf::Any& any);  // NOLINT: the same, smaller
  explicit PackedResource(const google::protobuf::Message& message);

  /// False: it is of another type, or the bytes are none.
  bool unpack(google::protobuf::Message& out) const;
  [[nodiscard]] google::protobuf::Any any() const;
  [[nodiscard]] const std::string& value() const { return value_; }

 private:
  std::shared_ptr<const std::string> type_url_;  // null: ""
  std::string value_;
};

/// One accepted version of a resource, as it came.
struct ResourceRecord {
  PackedResource resource;
  std::string version;
  WallTime updated{};
};

/// The last update of a resource that was refused.
struct RefusedUpdate {
  ResourceRecord record;
  std::string details;
};

}  // namespace remora::xds
