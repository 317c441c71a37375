#include "remora/config/metadata.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

namespace remora {
namespace {

std::string json(const MetadataValue& value) {
  std::string out;
  value.append_json(out);
  return out;
}

TEST(MetadataValue, TextOfScalars) {
  EXPECT_EQ(MetadataValue{"v1"}.text(), "v1");
  EXPECT_EQ(MetadataValue{true}.text(), "true");
  EXPECT_EQ(MetadataValue{8080.0}.text(), "8080");
  EXPECT_EQ(MetadataValue{-0.5}.text(), "-0.5");
  EXPECT_EQ(MetadataValue{}.text(), "");
  EXPECT_EQ(MetadataValue{MetadataValue::List{}}.text(), "");
}

TEST(MetadataValue, WritesJson) {
  using Object = MetadataValue::Object;
  using List = MetadataValue::List;
  const MetadataValue value{Object{
      {"b", MetadataValue{List{{1.0}, {true}, {}, {std::string("x\"y")}}}},
      {"a", MetadataValue{Object{{"deep", MetadataValue{1.5}}}}},
      {"empty", MetadataValue{Object{}}},
      {"large", MetadataValue{1e300}},
      {"nan", MetadataValue{std::numeric_limits<double>::quiet_NaN()}},
  }};
  EXPECT_EQ(json(value),
            R"({"a":{"deep":1.5},"b":[1,true,null,"x\"y"],"empty":{},"large":1e+300,"nan":"NaN"})");
}

TEST(Metadata, FindsByFilterAndKey) {
  Metadata metadata;
  metadata.filters["envoy.lb"].value = MetadataValue::Object{{"version", MetadataValue{"v1"}}};
  metadata.filters["odd"].value = std::string("no object");
  ASSERT_NE(metadata.find("envoy.lb", "version"), nullptr);
  EXPECT_EQ(metadata.find("envoy.lb", "version")->text(), "v1");
  EXPECT_EQ(metadata.find("envoy.lb", "stage"), nullptr);
  EXPECT_EQ(metadata.find("istio", "version"), nullptr);
  EXPECT_EQ(metadata.find("odd", "version"), nullptr);
}

}  // namespace
}  // namespace remora
