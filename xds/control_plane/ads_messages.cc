#include "control_plane/ads_messages.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "envoy/service/discovery/v3/discovery.pb.h"

namespace remora::xds {
namespace {

using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;
using EncodedResourcePtr = std::shared_ptr<const istio::EncodedResource>;

grpc::Slice owned_slice(const std::string& bytes) { return grpc::Slice(bytes); }

/// A slice of the resource's own bytes, which lives as long as gRPC holds it.
grpc::Slice shared_slice(const EncodedResourcePtr& resource) {
  auto* owner = new EncodedResourcePtr(resource);
  return grpc::Slice(
      const_cast<char*>(resource->any.data()), resource->any.size(),
      [](void* user_data) { delete static_cast<EncodedResourcePtr*>(user_data); }, owner);
}

/// Tag and length of one element of DiscoveryResponse.resources.
std::string resource_prefix(size_t size) {
  std::string prefix;
  google::protobuf::io::StringOutputStream stream(&prefix);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.WriteTag(google::protobuf::internal::WireFormatLite::MakeTag(
      DiscoveryResponse::kResourcesFieldNumber,
      google::protobuf::internal::WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  coded.WriteVarint64(size);
  coded.Trim();
  return prefix;
}

}  // namespace

Result<std::shared_ptr<DiscoveryRequest>> decode_request(grpc::ByteBuffer& bytes) {
  auto request = std::make_shared<DiscoveryRequest>();
  grpc::ProtoBufferReader reader(&bytes);
  if (!reader.status().ok() || !request->ParseFromZeroCopyStream(&reader)) {
    return Error{"the message is no DiscoveryRequest"};
  }
  return request;
}

std::optional<DiscoveryQuery> to_query(const DiscoveryRequest& request) {
  for (const istio::XdsType type : istio::kXdsTypes) {
    if (istio::type_url(type) != request.type_url()) continue;
    DiscoveryQuery query;
    query.type = type;
    query.nonce = request.response_nonce();
    query.names.assign(request.resource_names().begin(), request.resource_names().end());
    if (request.has_error_detail()) query.error = request.error_detail().message();
    return query;
  }
  return std::nullopt;
}

grpc::ByteBuffer encode_response(const Delivery& delivery, const std::string& control_plane) {
  DiscoveryResponse head;
  head.set_version_info(delivery.version);
  head.set_nonce(delivery.nonce);
  head.set_type_url(std::string(istio::type_url(delivery.type)));
  head.mutable_control_plane()->set_identifier(control_plane);
  // A message's fields may stand in any order and in pieces, so the resources follow the rest as they are.
  std::vector<grpc::Slice> slices;
  slices.reserve(1 + 2 * delivery.resources.size());
  slices.push_back(owned_slice(head.SerializeAsString()));
  for (const EncodedResourcePtr& resource : delivery.resources) {
    slices.push_back(owned_slice(resource_prefix(resource->any.size())));
    slices.push_back(shared_slice(resource));
  }
  return {slices.data(), slices.size()};
}

}  // namespace remora::xds
