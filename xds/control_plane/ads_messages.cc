#include "control_plane/ads_messages.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>

#include <algorithm>

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

/// Takes a request's bytes apart: views of its names, and the bytes of everything else. False where it is
/// none.
bool split_names(std::string_view bytes, std::vector<std::string_view>& names, std::string& rest) {
  using google::protobuf::internal::WireFormatLite;
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

std::optional<istio::XdsType> type_of(const DiscoveryRequest& request) {
  for (const istio::XdsType type : istio::kXdsTypes) {
    if (istio::type_url(type) == request.type_url()) return type;
  }
  return std::nullopt;
}

}  // namespace

Result<IncomingRequest> RequestReader::read(grpc::ByteBuffer& bytes) {
  grpc::Slice whole;
  std::vector<std::string_view> names;
  std::string rest;
  auto message = std::make_shared<DiscoveryRequest>();
  const bool good = bytes.DumpToSingleSlice(&whole).ok() &&
                    split_names({reinterpret_cast<const char*>(whole.begin()), whole.size()}, names, rest) &&
                    message->ParseFromString(rest);
  if (!good) return Error{"the message is no DiscoveryRequest"};
  const auto type = type_of(*message);
  if (!type) return IncomingRequest{std::move(message), nullptr};
  NamesPtr& known = last_[*type];
  if (known == nullptr || !std::equal(known->begin(), known->end(), names.begin(), names.end())) {
    known = std::make_shared<const std::vector<std::string>>(names.begin(), names.end());
  }
  return IncomingRequest{std::move(message), known};
}

std::optional<DiscoveryQuery> to_query(const IncomingRequest& request) {
  const DiscoveryRequest& message = *request.message;
  const auto type = type_of(message);
  if (!type) return std::nullopt;
  DiscoveryQuery query{*type, message.response_nonce(), request.names, {}};
  if (message.has_error_detail()) query.error = message.error_detail().message();
  return query;
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
