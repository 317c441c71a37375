#include "remora/filter/registry.h"

#include <google/protobuf/struct.pb.h>
#include <gtest/gtest.h>

#include "remora/core/stats.h"
#include "unit/filters/filter_harness.h"

namespace remora {
namespace {

struct FilterRegistry : ::testing::Test {
  std::shared_ptr<const FilterFactory> make(const std::string& type, const std::string& bytes = "",
                                            bool is_struct = false) {
    const FilterFactoryContext context{stats, node, "http.in.", TrafficDirection::kOutbound};
    return make_filter("the.name", "type.googleapis.com/" + type, bytes, is_struct, context,
                       "http_filters[3]", report);
  }
  StatsStore stats{2};
  NodeInfo node;
  ConfigReport report;
};

TEST_F(FilterRegistry, MakesWhatItKnows) {
  for (const char* type : {"stats.PluginConfig", "io.istio.http.peer_metadata.Config",
                           "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig"}) {
    EXPECT_TRUE(knows_filter(std::string("type.googleapis.com/") + type));
    const auto factory = make(type);
    ASSERT_NE(factory, nullptr) << report.error_text();
    EXPECT_EQ(factory->name(), "the.name");
    EXPECT_TRUE(factory->stateless());
    EXPECT_NE(factory->create(), nullptr);
  }
  EXPECT_TRUE(report.findings().empty());
}

TEST_F(FilterRegistry, LeavesOutWhatCannotChangeBehaviourAndSaysSo) {
  const std::string alpn = "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig";
  EXPECT_TRUE(knows_filter("type.googleapis.com/" + alpn));
  EXPECT_EQ(make(alpn), nullptr);
  EXPECT_TRUE(report.ok());
  ASSERT_EQ(report.findings().size(), 1u);
  EXPECT_EQ(report.findings()[0].path, "http_filters[3]");
  EXPECT_TRUE(report.findings()[0].message.starts_with("the filter the.name is left out: "));
}

TEST_F(FilterRegistry, RefusesWhatItDoesNotHave) {
  const std::string rbac = "envoy.extensions.filters.http.rbac.v3.RBAC";
  EXPECT_FALSE(knows_filter("type.googleapis.com/" + rbac));
  EXPECT_EQ(make(rbac), nullptr);
  EXPECT_EQ(report.error_text(), "http_filters[3]: the filter type type.googleapis.com/" + rbac +
                                     " is not implemented by this build");
}

TEST_F(FilterRegistry, RefusesBytesThatAreNotTheMessage) {
  EXPECT_EQ(make("stats.PluginConfig", "\xff\xff"), nullptr);
  EXPECT_EQ(report.error_text(), "http_filters[3]: not a valid stats.PluginConfig");
}

TEST_F(FilterRegistry, RefusesFieldsItDoesNotKnow) {
  const std::string unknown_field_15 = "\x78\x01";
  EXPECT_EQ(make("stats.PluginConfig", unknown_field_15), nullptr);
  EXPECT_NE(report.error_text().find("field number 15 is not a field of stats.PluginConfig"),
            std::string::npos);
}

TEST_F(FilterRegistry, RefusesAStruct) {
  EXPECT_EQ(make("stats.PluginConfig", google::protobuf::Struct().SerializeAsString(), true), nullptr);
  EXPECT_FALSE(report.ok());
}

}  // namespace
}  // namespace remora
