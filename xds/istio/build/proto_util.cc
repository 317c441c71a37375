#include "istio/build/proto_util.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cmath>

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/type/v3/percent.pb.h"

namespace remora::istio {

void set_duration(Duration duration, google::protobuf::Duration& out) {
  constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
  out.set_seconds(duration.count() / kNanosecondsPerSecond);
  out.set_nanos(static_cast<int32_t>(duration.count() % kNanosecondsPerSecond));
}

void set_percentage(double percentage, envoy::type::v3::FractionalPercent& out) {
  constexpr double kMillionthsPerPercent = 10'000;
  out.set_numerator(static_cast<uint32_t>(std::lround(percentage * kMillionthsPerPercent)));
  out.set_denominator(envoy::type::v3::FractionalPercent::MILLION);
}

void set_socket_address(const std::string& address, uint16_t port, envoy::config::core::v3::Address& out) {
  auto& socket = *out.mutable_socket_address();
  socket.set_address(address);
  socket.set_port_value(port);
}

google::protobuf::Struct& istio_metadata(envoy::config::core::v3::Metadata& metadata) {
  return (*metadata.mutable_filter_metadata())["istio"];
}

std::string deterministic_bytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

google::protobuf::Any pack(const google::protobuf::Message& message) {
  google::protobuf::Any any;
  any.set_type_url("type.googleapis.com/" + message.GetDescriptor()->full_name());
  any.set_value(deterministic_bytes(message));
  return any;
}

}  // namespace remora::istio
