#include "control_plane/ads_messages.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>

#include <algorithm>

#include "envoy/service/discovery/v3/discovery.pb.h"

namespace remora::xds {
namespace {

using envoy::config::core::v3::Node;
using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;
using google::protobuf::internal::WireFormatLite;
using istio::EncodedResourcePtr;

grpc::Slice owned_slice(const std::string& bytes) { return grpc::Slice(bytes); }

/// A slice of the resource's own bytes, which lives as long as gRPC holds it.
grpc::Slice shared_slice(const EncodedResourcePtr& resource) {
  auto* owner = new EncodedResourcePtr(resource);
  return grpc::Slice(
      const_cast<char*>(resource->any.data()), resource->any.size(),
      [](void* user_data) { delete static_cast<EncodedResourcePtr*>(user_data); }, owner);
}

/// Tag and length of a field that `size` bytes are to follow.
std::string field_prefix(int field, size_t size) {
  std::string prefix;
  {
    google::protobuf::io::StringOutputStream stream(&prefix);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.WriteTag(WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
    coded.WriteVarint64(size);
  }
  return prefix;
}

/// What stands before a resource's own bytes in a DeltaDiscoveryResponse: a Resource, but for its content.
std::string resource_prefix(const istio::EncodedResource& resource) {
  envoy::service::discovery::v3::Resource head;
  head.set_name(resource.name);
  head.set_version(istio::version_text(resource.hash));
  const std::string inside =
      head.SerializeAsString() + field_prefix(head.kResourceFieldNumber, resource.any.size());
  return field_prefix(DeltaDiscoveryResponse::kResourcesFieldNumber, inside.size() + resource.any.size()) +
         inside;
}

/// Takes a request's bytes apart: views of its names, and the bytes of everything else. False where it is
/// none.
bool split_names(std::string_view bytes, std::vector<std::string_view>& names, std::string& rest) {
  constexpr uint32_t kNames = WireFormatLite::MakeTag(DiscoveryRequest::kResourceNamesFieldNumber,
                                                      WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  google::protobuf::io::CodedInputStream coded(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  const auto at = [&] { return static_cast<size_t>(coded.CurrentPosition()); };
  while (at() < bytes.size()) {
    const size_t begin = at();
    const uint32_t tag = coded.ReadTag();
    if (tag == kNames) {
      uint32_t size = 0;
      if (!coded.ReadVarint32(&size) || size > bytes.size() - at()) return false;
      names.push_back(bytes.substr(at(), size));
      coded.Skip(static_cast<int>(size));
    } else {
      if (tag == 0 || !WireFormatLite::SkipField(&coded, tag)) return false;
      rest += bytes.substr(begin, at() - begin);
    }
  }
  return true;
}

std::optional<istio::XdsType> type_of(std::string_view url) {
  for (const istio::XdsType type : istio::kXdsTypes) {
    if (istio::type_url(type) == url) return type;
  }
  return std::nullopt;
}

/// What both kinds of request have in common.
template <typename Request>
IncomingRequest incoming(Request& request) {
  IncomingRequest out{
      std::make_shared<const Node>(std::move(*request.mutable_node())), request.type_url(), {}};
  const auto type = type_of(request.type_url());
  if (!type) return out;
  out.query = DiscoveryQuery{*type, request.response_nonce(), nullptr, {}};
  if (request.has_error_detail()) out.query->error = request.error_detail().message();
  return out;
}

NamesPtr list_of(const google::protobuf::RepeatedPtrField<std::string>& names) {
  if (names.empty()) return nullptr;
  return std::make_shared<const std::vector<std::string>>(names.begin(), names.end());
}

Result<IncomingRequest> read_delta(std::string_view bytes) {
  DeltaDiscoveryRequest message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error{"the message is no DeltaDiscoveryRequest"};
  IncomingRequest out = incoming(message);
  if (!out.query) return out;
  out.query->names = list_of(message.resource_names_subscribe());
  out.query->unsubscribe = list_of(message.resource_names_unsubscribe());
  const auto& versions = message.initial_resource_versions();
  out.query->initial_versions.insert(versions.begin(), versions.end());
  return out;
}

template <typename Response>
std::string head_of(const Delivery& delivery, const std::string& control_plane, Response head) {
  head.set_nonce(delivery.nonce);
  head.set_type_url(std::string(istio::type_url(delivery.type)));
  head.mutable_control_plane()->set_identifier(control_plane);
  return head.SerializeAsString();
}

}  // namespace

Result<IncomingRequest> RequestReader::read(grpc::ByteBuffer& bytes) {
  grpc::Slice whole;
  if (!bytes.DumpToSingleSlice(&whole).ok()) return Error{"the message cannot be read"};
  const std::string_view view(reinterpret_cast<const char*>(whole.begin()), whole.size());
  return protocol_ == AdsProtocol::kDelta ? read_delta(view) : read_state(view);
}

Result<IncomingRequest> RequestReader::read_state(std::string_view bytes) {
  std::vector<std::string_view> names;
  std::string rest;
  DiscoveryRequest message;
  if (!split_names(bytes, names, rest) || !message.ParseFromString(rest))
    return Error{"the message is no DiscoveryRequest"};
  IncomingRequest out = incoming(message);
  if (!out.query) return out;
  NamesPtr& known = last_[out.query->type];
  if (known == nullptr || !std::equal(known->begin(), known->end(), names.begin(), names.end())) {
    known = std::make_shared<const std::vector<std::string>>(names.begin(), names.end());
  }
  out.query->names = known;
  return out;
}

grpc::ByteBuffer encode_response(const Delivery& delivery, AdsProtocol protocol,
                                 const std::string& control_plane) {
  const bool delta = protocol == AdsProtocol::kDelta;
  // A message's fields may stand in any order and in pieces, so the resources follow the rest as they are.
  std::vector<grpc::Slice> slices;
  slices.reserve(1 + 2 * delivery.resources.size());
  if (delta) {
    DeltaDiscoveryResponse head;
    head.set_system_version_info(delivery.version);
    head.mutable_removed_resources()->Add(delivery.removed.begin(), delivery.removed.end());
    slices.push_back(owned_slice(head_of(delivery, control_plane, std::move(head))));
  } else {
    DiscoveryResponse head;
    head.set_version_info(delivery.version);
    slices.push_back(owned_slice(head_of(delivery, control_plane, std::move(head))));
  }
  for (const EncodedResourcePtr& resource : delivery.resources) {
    slices.push_back(
        owned_slice(delta ? resource_prefix(*resource)
                          : field_prefix(DiscoveryResponse::kResourcesFieldNumber, resource->any.size())));
    slices.push_back(shared_slice(resource));
  }
  return {slices.data(), slices.size()};
}

}  // namespace remora::xds
