#include "control_plane/ads_messages.h"

#include <gtest/gtest.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/protobuf/any.pb.h"

namespace remora::xds {
namespace {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;
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
  ASSERT_TRUE(
      response.ParseFromString(bytes_of(encode_response(delivery, AdsProtocol::kStateOfTheWorld, "me"))));
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
    const grpc::ByteBuffer buffer = encode_response({istio::XdsType::kCluster, "1", "1", {resource}},
                                                    AdsProtocol::kStateOfTheWorld, "me");
    EXPECT_GT(resource.use_count(), 1);
  }
  EXPECT_EQ(resource.use_count(), 1);
}

const std::string kEndpoints = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

DiscoveryRequest request_for(const std::vector<std::string>& names, const std::string& type = kEndpoints) {
  DiscoveryRequest request;
  request.set_type_url(type);
  request.set_response_nonce("3");
  for (const std::string& name : names) request.add_resource_names(name);
  return request;
}

Result<IncomingRequest> read(RequestReader& reader, const std::string& bytes) {
  const grpc::Slice slice(bytes);
  grpc::ByteBuffer buffer(&slice, 1);
  return reader.read(buffer);
}

TEST(DeltaResponse, IsWhatEnvoyReads) {
  const auto long_one = cluster(std::string(300, 'b'));
  const Delivery delivery{istio::XdsType::kCluster, "v7", "12", {cluster("a"), long_one}, {"c", "d"}};
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(response.ParseFromString(bytes_of(encode_response(delivery, AdsProtocol::kDelta, "me"))));
  EXPECT_EQ(response.system_version_info(), "v7");
  EXPECT_EQ(response.nonce(), "12");
  EXPECT_EQ(response.type_url(), "type.googleapis.com/envoy.config.cluster.v3.Cluster");
  EXPECT_EQ(response.control_plane().identifier(), "me");
  ASSERT_EQ(response.removed_resources_size(), 2);
  EXPECT_EQ(response.removed_resources(1), "d");
  ASSERT_EQ(response.resources_size(), 2);
  EXPECT_EQ(response.resources(1).name(), std::string(300, 'b'));
  EXPECT_EQ(response.resources(1).version(), istio::version_text(long_one->hash));
  envoy::config::cluster::v3::Cluster message;
  ASSERT_TRUE(response.resources(1).resource().UnpackTo(&message));
  EXPECT_EQ(message.name(), std::string(300, 'b'));
}

TEST(DeltaQuery, TakesWhatTheProtocolNeeds) {
  DeltaDiscoveryRequest request;
  request.set_type_url(kEndpoints);
  request.set_response_nonce("3");
  request.add_resource_names_subscribe("a");
  request.add_resource_names_unsubscribe("b");
  (*request.mutable_initial_resource_versions())["a"] = "1";
  request.mutable_node()->set_id("me");
  RequestReader reader(AdsProtocol::kDelta);
  const auto incoming = read(reader, request.SerializeAsString());
  ASSERT_TRUE(incoming.ok() && incoming->query.has_value());
  EXPECT_EQ(incoming->node->id(), "me");
  const auto& query = *incoming->query;
  EXPECT_EQ(query.type, istio::XdsType::kEndpoint);
  EXPECT_EQ(query.nonce, "3");
  EXPECT_EQ(*query.names, std::vector<std::string>{"a"});
  EXPECT_EQ(*query.unsubscribe, std::vector<std::string>{"b"});
  EXPECT_EQ(query.initial_versions, (std::map<std::string, std::string>{{"a", "1"}}));
  EXPECT_FALSE(query.error.has_value());
  EXPECT_FALSE(read(reader, "\xff\xff\xff garbage").ok());
}

TEST(Query, TakesWhatTheProtocolNeeds) {
  DiscoveryRequest request = request_for({"a", std::string(300, 'b'), ""});
  request.mutable_error_detail()->set_message("bad");
  request.mutable_node()->set_id("me");
  RequestReader reader;
  const auto incoming = read(reader, request.SerializeAsString());
  ASSERT_TRUE(incoming.ok());
  EXPECT_EQ(incoming->node->id(), "me");
  const auto& query = incoming->query;
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->type, istio::XdsType::kEndpoint);
  EXPECT_EQ(query->nonce, "3");
  EXPECT_EQ(*query->names, (std::vector<std::string>{"a", std::string(300, 'b'), ""}));
  EXPECT_EQ(query->error, "bad");
}

TEST(Query, NamesThatAreRepeatedAreShared) {
  RequestReader reader;
  const auto names = [&](const std::vector<std::string>& wanted, const std::string& type = kEndpoints) {
    return read(reader, request_for(wanted, type).SerializeAsString())->query->names;
  };
  const NamesPtr first = names({"a", "b"});
  EXPECT_EQ(names({"a", "b"}), first);
  EXPECT_EQ(*names({"a"}, std::string(istio::type_url(istio::XdsType::kRoute))),
            std::vector<std::string>{"a"});
  EXPECT_EQ(names({"a", "b"}), first) << "each type has its own";
  for (const std::vector<std::string>& others :
       {std::vector<std::string>{"a"}, {"a", "c"}, {"a", "b", "c"}, {"b", "a"}, {"ab"}, {}}) {
    const NamesPtr changed = names(others);
    EXPECT_NE(changed, first);
    EXPECT_EQ(*changed, others);
  }
  EXPECT_EQ(*first, (std::vector<std::string>{"a", "b"})) << "whoever has them keeps them";
}

TEST(Query, OfUnknownTypesIsNone) {
  RequestReader reader;
  const auto request = request_for({"a"}, "type.googleapis.com/envoy.service.runtime.v3.Runtime");
  EXPECT_FALSE(read(reader, request.SerializeAsString())->query.has_value());
}

TEST(Request, GarbageIsRefused) {
  RequestReader reader;
  EXPECT_FALSE(read(reader, "\xff\xff\xff garbage").ok());
  EXPECT_FALSE(read(reader, "\x1a\x7fshort").ok()) << "a name that is longer than the message";
  EXPECT_FALSE(read(reader, "\x1a\xff\xff\xff\xff\xff\xff").ok());
  const std::string whole = request_for({"a", "b"}).SerializeAsString();
  EXPECT_FALSE(read(reader, whole.substr(0, whole.size() - 1)).ok());
  EXPECT_TRUE(read(reader, "").ok()) << "an empty message is one of defaults";
}

}  // namespace
}  // namespace remora::xds
