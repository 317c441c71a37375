#include "translate/cluster.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

class HappyEyeballsTest : public TranslateTest {
 protected:
  TranslatedCluster cluster(const std::string& type, const std::string& endpoint,
                            const std::string& rest = "") {
    const std::string yaml =
        "name: a\ntype: " + type + "\n" + rest +
        "load_assignment:\n  cluster_name: a\n  endpoints:\n  - lb_endpoints:\n    - endpoint: " + endpoint +
        "\n";
    return translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>(yaml), {"5", true}, context_);
  }
  static std::string at(const std::string& address) {
    return "{socket_address: {address: '" + address + "', port_value: 80}}";
  }
  static std::string with(const std::string& first, const std::string& other) {
    return "{address: " + at(first) + ", additional_addresses: [{address: " + other + "}]}";
  }
};

TEST_F(HappyEyeballsTest, FurtherAddresses) {
  const auto made = cluster("STATIC", with("10.0.0.1", at("fd00::1")));
  ASSERT_TRUE(made.config) << errors();
  const auto& endpoint = *made.endpoints->endpoints.at(0);
  ASSERT_EQ(endpoint.additional_addresses.size(), 1u);
  EXPECT_EQ(endpoint.additional_addresses[0].to_string(), "[fd00::1]:80");
  EXPECT_EQ(made.config->happy_eyeballs->first, HappyEyeballs::First::kDefault);
  EXPECT_EQ(made.config->happy_eyeballs->first_count, 1u);
}

TEST_F(HappyEyeballsTest, WhichFamilyIsFirst) {
  const auto made =
      cluster("STATIC", with("10.0.0.1", at("fd00::1")),
              "upstream_connection_options: {happy_eyeballs_config: {first_address_family_version: V6, "
              "first_address_family_count: 3}}\n");
  ASSERT_TRUE(made.config) << errors();
  EXPECT_EQ(*made.config->happy_eyeballs, (HappyEyeballs{HappyEyeballs::First::kV6, 3}));
}

TEST_F(HappyEyeballsTest, Refused) {
  EXPECT_FALSE(cluster("STATIC", with("10.0.0.1", "{pipe: {path: /tmp/x}}")).config);
  EXPECT_FALSE(cluster("STRICT_DNS", with("a.test", at("10.0.0.1"))).config);
  const std::string at_endpoint =
      "load_assignment.endpoints[0].lb_endpoints[0].endpoint.additional_addresses[0]";
  EXPECT_NE(errors().find(at_endpoint + ".address: must be an IP address"), std::string::npos) << errors();
  EXPECT_NE(errors().find(at_endpoint + ": is not possible where names are looked up"), std::string::npos)
      << errors();
}

}  // namespace
}  // namespace remora::xds
