#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>

#include <string>

#include "istio/text/scalar.h"

namespace envoy::config::core::v3 {
class Address;
class Metadata;
}  // namespace envoy::config::core::v3

namespace envoy::type::v3 {
class FractionalPercent;
}

namespace remora::istio {

void set_duration(Duration duration, google::protobuf::Duration& out);

/// `percentage` of 100, to the millionth.
void set_percentage(double percentage, envoy::type::v3::FractionalPercent& out);

void set_socket_address(const std::string& address, uint16_t port, envoy::config::core::v3::Address& out);

/// The struct that Istio keeps its own metadata in.
google::protobuf::Struct& istio_metadata(envoy::config::core::v3::Metadata& metadata);

/// The same bytes for equal messages, maps included: versions are hashes of them.
std::string deterministic_bytes(const google::protobuf::MessageLite& message);

/// `message` with its type, as xDS carries it.
google::protobuf::Any pack(const google::protobuf::Message& message);

}  // namespace remora::istio
