#include "control_plane/ads_messages.h"

#include <gtest/gtest.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/protobuf/any.pb.h"

namespace remora::xds {
namespace {

using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

std::shared_ptr<const istio::EncodedResource> cluster(const std::string& name) {
  envoy::config::cluster::v3::Cluster message;
  message.set_name(name);
  google::protobuf::Any any;
  any.PackFrom(message);
  auto resource = std::make_shared<istio::EncodedResource>();
  resource->name = name;
  resource->any = any.SerializeAsString();
  return resource;
}

std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

TEST(Response, IsWhatEnvoyReads) {
  const Delivery delivery{
      istio::XdsType::kCluster, "v7", "12", {cluster("a"), cluster(std::string(300, 'b'))}};
  DiscoveryResponse response;
  ASSERT_TRUE(response.ParseFromString(bytes_of(encode_response(delivery, "me"))));
  EXPECT_EQ(response.version_info(), "v7");
  EXPECT_EQ(response.nonce(), "12");
  EXPECT_EQ(response.type_url(), "type.googleapis.com/envoy.config.cluster.v3.Cluster");
  EXPECT_EQ(response.control_plane().identifier(), "me");
  ASSERT_EQ(response.resources_size(), 2);
  envoy::config::cluster::v3::Cluster message;
  ASSERT_TRUE(response.resources(1).UnpackTo(&message));
  EXPECT_EQ(message.name(), std::string(300, 'b'));
}

TEST(Response, SharesItsResourcesUntilItIsSent) {
  auto resource = cluster(std::string(1000, 'a'));
  {
    const grpc::ByteBuffer buffer = encode_response({istio::XdsType::kCluster, "1", "1", {resource}}, "me");
    EXPECT_GT(resource.use_count(), 1);
  }
  EXPECT_EQ(resource.use_count(), 1);
}

TEST(Query, TakesWhatTheProtocolNeeds) {
  DiscoveryRequest request;
  request.set_type_url("type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment");
  request.set_response_nonce("3");
  request.add_resource_names("a");
  request.mutable_error_detail()->set_message("bad");
  const auto query = to_query(request);
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->type, istio::XdsType::kEndpoint);
  EXPECT_EQ(query->nonce, "3");
  EXPECT_EQ(query->names, std::vector<std::string>{"a"});
  EXPECT_EQ(query->error, "bad");
}

TEST(Query, OfUnknownTypesIsNone) {
  DiscoveryRequest request;
  request.set_type_url("type.googleapis.com/envoy.service.runtime.v3.Runtime");
  EXPECT_FALSE(to_query(request).has_value());
}

TEST(Request, GarbageIsRefused) {
  const grpc::Slice slice("\xff\xff\xff garbage");
  grpc::ByteBuffer buffer(&slice, 1);
  EXPECT_FALSE(decode_request(buffer).ok());
}

}  // namespace
}  // namespace remora::xds
