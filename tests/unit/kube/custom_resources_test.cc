#include "kube/custom_resources.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <functional>

namespace remora::kube {
namespace {

namespace json = boost::json;

const store::Kind& kind(std::string_view type) { return *store::find_kind(type); }

json::object schema_of_version(const json::object& definition, size_t version) {
  return definition.at("spec")
      .at("versions")
      .as_array()
      .at(version)
      .at("schema")
      .at("openAPIV3Schema")
      .as_object();
}

/// Every node of a structural schema, with where it stands.
void each_node(const json::object& node, const std::string& path,
               const std::function<void(const json::object&, const std::string&)>& visit) {
  visit(node, path);
  if (const auto* properties = node.if_contains("properties")) {
    for (const auto& [name, member] : properties->as_object())
      each_node(member.as_object(), path + "." + std::string(name), visit);
  }
  for (const char* nested : {"items", "additionalProperties"}) {
    if (const auto* member = node.if_contains(nested)) each_node(member->as_object(), path + "[]", visit);
  }
}

TEST(CustomResources, OnlyKindsThatKubernetesDoesNotHave) {
  EXPECT_TRUE(is_custom(kind("canaries.flagger.app")));
  EXPECT_TRUE(is_custom(kind("virtualservices.networking.istio.io")));
  EXPECT_FALSE(is_custom(kind("services")));
  EXPECT_FALSE(is_custom(kind("deployments.apps")));
  for (const json::object& definition : custom_resource_definitions()) {
    EXPECT_NE(definition.at("spec").at("group").as_string(), "apps");
  }
}

TEST(CustomResources, OneVersionIsStoredAndAllAreServed) {
  const json::object definition = custom_resource_definition(kind("virtualservices.networking.istio.io"));
  EXPECT_EQ(definition.at("metadata").at("name").as_string(), "virtualservices.networking.istio.io");
  const auto& versions = definition.at("spec").at("versions").as_array();
  ASSERT_EQ(versions.size(), 3U);
  size_t stored = 0;
  for (const auto& version : versions) {
    stored += version.at("storage").as_bool() ? 1 : 0;
    EXPECT_TRUE(version.at("served").as_bool());
    EXPECT_TRUE(version.at("subresources").as_object().contains("status"));
  }
  EXPECT_EQ(stored, 1U);
  EXPECT_TRUE(versions.front().at("storage").as_bool());
}

// What an API server asks of a structural schema, and what it would otherwise refuse or drop.
TEST(CustomResources, EveryNodeIsStructuralAndKeepsWhatItDoesNotKnow) {
  for (const json::object& definition : custom_resource_definitions()) {
    const std::string name(definition.at("metadata").at("name").as_string());
    each_node(schema_of_version(definition, 0), name, [&](const json::object& node, const std::string& path) {
      EXPECT_FALSE(node.contains("$ref") || node.contains("allOf")) << path;
      const bool typeless = node.contains("x-kubernetes-int-or-string") ||
                            node.contains("x-kubernetes-preserve-unknown-fields");
      EXPECT_TRUE(node.contains("type") || typeless) << path;
      if (path == name || path == name + ".metadata") return;
      if (node.contains("properties")) {
        EXPECT_TRUE(node.contains("x-kubernetes-preserve-unknown-fields")) << path;
      }
    });
  }
}

TEST(CustomResources, KeysOfMergedListsAreAlwaysThere) {
  for (const json::object& definition : custom_resource_definitions()) {
    each_node(schema_of_version(definition, 0), "", [](const json::object& node, const std::string& path) {
      const auto* keys = node.if_contains("x-kubernetes-list-map-keys");
      if (keys == nullptr) return;
      const auto& item = node.at("items").as_object();
      for (const auto& key : keys->as_array()) {
        const auto& field = item.at("properties").at(key.as_string()).as_object();
        const auto* required = item.if_contains("required");
        bool there = field.contains("default");
        if (required != nullptr) {
          for (const auto& name : required->as_array()) there = there || name == key;
        }
        EXPECT_TRUE(there) << path << " " << key;
      }
    });
  }
}

TEST(CustomResources, ColumnsAreThoseThatStandInTheObject) {
  const json::object definition = custom_resource_definition(kind("canaries.flagger.app"));
  const auto& columns =
      definition.at("spec").at("versions").as_array().front().at("additionalPrinterColumns").as_array();
  EXPECT_EQ(columns.front().at("name").as_string(), "Status");
  EXPECT_EQ(columns.front().at("jsonPath").as_string(), ".status.phase");
}

}  // namespace
}  // namespace remora::kube
