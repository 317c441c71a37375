// Where gRPC is sent to, of the cluster that a bootstrap names.
#include "client/grpc_target.h"

#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;

class GrpcTargetTest : public TranslateTest {
 protected:
  /// The target of a cluster with these endpoints.
  std::string target(const std::vector<std::string>& addresses) {
    std::string endpoints;
    for (const std::string& address : addresses) {
      endpoints += (endpoints.empty() ? "" : ",") + (R"({"endpoint": {"address": )" + address + "}}");
    }
    const auto bootstrap = from_yaml<Bootstrap>(
        R"({"static_resources": {"clusters": [{"name": "xds", "load_assignment": {"cluster_name": "xds",
            "endpoints": [{"lb_endpoints": [)" +
        endpoints + "]}]}}]}}");
    envoy::config::core::v3::GrpcService service;
    service.mutable_envoy_grpc()->set_cluster_name("xds");
    GrpcTarget out;
    report_ = {};
    set_grpc_target(bootstrap, service, context_, out);
    check_grpc_cluster(bootstrap, "xds", context_);
    return out.target;
  }
  static std::string at(const std::string& address, int port) {
    return R"({"socket_address": {"address": ")" + address + R"(", "port_value": )" + std::to_string(port) +
           "}}";
  }
};

TEST_F(GrpcTargetTest, SeveralAddressesAreTriedInTheirOrder) {
  EXPECT_EQ(target({at("10.0.0.1", 1)}), "ipv4:10.0.0.1:1");
  EXPECT_EQ(target({at("10.0.0.2", 1), at("10.0.0.1", 2)}), "ipv4:10.0.0.2:1,10.0.0.1:2");
  EXPECT_EQ(target({at("::1", 1), at("2001:db8::1", 2)}), "ipv6:[::1]:1,[2001:db8::1]:2");
  EXPECT_EQ(findings(), "");
}

TEST_F(GrpcTargetTest, WhatDoesNotGoTogetherIsSaid) {
  EXPECT_EQ(target({at("10.0.0.1", 1), at("::1", 2)}), "ipv4:10.0.0.1:1");
  EXPECT_NE(findings().find("load_assignment: of its endpoints only the first 1 are tried"),
            std::string::npos)
      << findings();
  EXPECT_EQ(target({at("control", 1), at("control-2", 1)}), "dns:///control:1");
  EXPECT_NE(findings(), "");
  EXPECT_EQ(target({R"({"pipe": {"path": "/run/a"}})", at("::1", 2)}), "unix:/run/a");
  EXPECT_NE(findings(), "");
}

TEST_F(GrpcTargetTest, AClusterWithoutEndpointsIsAnError) {
  EXPECT_EQ(target({}), "");
  EXPECT_NE(findings().find("the cluster 'xds' has no endpoint"), std::string::npos) << findings();
}

}  // namespace
}  // namespace remora::xds
