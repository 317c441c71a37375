#include "translate/field_check.h"

#include <google/protobuf/descriptor.h>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "translate/cluster.h"
#include "translate/field_rules.h"
#include "translate/supported_fields.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

class FieldCheckTest : public TranslateTest {};

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  return {std::istream_iterator<std::string>(stream), {}};
}

TEST_F(FieldCheckTest, EveryRuleNamesFieldsThatExistOnce) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  std::set<std::string_view> messages;
  for (const auto& rules :
       {bootstrap_rules(), listener_rules(), route_rules(), cluster_rules(), common_rules()}) {
    for (const MessageRules& entry : rules) {
      EXPECT_TRUE(messages.insert(entry.message).second) << entry.message << " is there twice";
      const auto* type = pool->FindMessageTypeByName(std::string(entry.message));
      ASSERT_NE(type, nullptr) << entry.message;
      std::set<std::string> seen;
      const auto check = [&](std::string_view names) {
        for (const auto& name : words(names)) {
          EXPECT_NE(type->FindFieldByName(name), nullptr) << entry.message << "." << name;
          EXPECT_TRUE(seen.insert(name).second) << entry.message << "." << name << " is there twice";
        }
      };
      check(entry.implemented);
      check(entry.checked_by_reader);
      for (const auto& line : entry.no_effect) check(line.fields);
      for (const auto& line : entry.only) check(line.field);
    }
  }
}

TEST_F(FieldCheckTest, UnknownFieldsAreCountedOrRefused) {
  envoy::config::cluster::v3::Cluster cluster;
  cluster.set_name("a");
  cluster.GetReflection()->MutableUnknownFields(&cluster)->AddVarint(9999, 1);
  uint64_t count = 0;
  environment_.unknown_fields = &count;
  check_fields(cluster, context_);
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(count, 1u);
  environment_.reject_unknown_fields = true;
  check_fields(cluster, context_);
  EXPECT_EQ(errors(), ": envoy.config.cluster.v3.Cluster has no field with the number 9999\n");
}

TEST_F(FieldCheckTest, PackedMessagesAreCheckedWithTheirRealType) {
  auto cluster = from_yaml<envoy::config::cluster::v3::Cluster>(R"(
name: a
typed_extension_protocol_options:
  x:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    header_validation_config: {name: x}
    explicit_http_config: {http_protocol_options: {}}
)");
  check_fields(cluster, context_);
  EXPECT_EQ(
      errors(),
      "typed_extension_protocol_options[\"x\"].header_validation_config: is not implemented by this build\n");
  report_ = {};
  (*cluster.mutable_typed_extension_protocol_options())["x"].set_value("\xff");
  check_fields(cluster, context_);
  EXPECT_EQ(errors(),
            "typed_extension_protocol_options[\"x\"]: the bytes are not a valid "
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n");
}

TEST_F(FieldCheckTest, TheDocumentSaysWhatTheTableSays) {
  const std::string path = std::string(REMORA_TESTS_DIR) + "/../docs/supported-fields.md";
  const std::string wanted = supported_fields_document();
  if (std::getenv("REMORA_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << wanted;
    return;
  }
  std::ifstream file(path);
  const std::string found(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(found == wanted)
      << "docs/supported-fields.md is old: run this test with REMORA_UPDATE_GOLDEN=1";
}

}  // namespace
}  // namespace remora::xds
