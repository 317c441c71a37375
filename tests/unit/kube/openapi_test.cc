#include "kube/openapi.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <set>
#include <string>

#include "kube/openapi_paths.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

json::value document(std::string_view path) {
  const std::string* text = openapi_v3(path);
  EXPECT_NE(text, nullptr) << path;
  return text != nullptr ? json::parse(*text) : json::value();
}

/// All references of a document.
void collect_references(const json::value& value, std::set<std::string>& out) {
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) {
      if (member.key() == "$ref") out.emplace(member.value().get_string());
      collect_references(member.value(), out);
    }
  } else if (const auto* array = value.if_array()) {
    for (const json::value& item : *array) collect_references(item, out);
  }
}

TEST(OpenApi, TheIndexNamesEveryGroupVersionOnce) {
  const json::value index = json::parse(openapi_v3_index());
  std::set<std::string> expected;
  for (const store::Kind& kind : store::kinds()) {
    for (const std::string_view version : kind.versions) expected.insert(group_version_path(kind, version));
  }
  std::set<std::string> listed;
  for (const auto& entry : index.at("paths").get_object()) {
    const std::string path(entry.key());
    const std::string_view address = entry.value().at("serverRelativeURL").get_string();
    EXPECT_TRUE(address.starts_with("/openapi/v3/" + path + "?hash=")) << address;
    EXPECT_NE(openapi_v3(path), nullptr);
    listed.insert(path);
  }
  EXPECT_EQ(listed, expected);
  EXPECT_EQ(openapi_v3("apis/nothing/v1"), nullptr);
}

/// kubectl looks a kind up by the mark on its schema, and a resource's kind by the mark on its operations.
TEST(OpenApi, EveryKindIsMarkedWhereClientsLook) {
  for (const store::Kind& kind : store::kinds()) {
    for (const std::string_view version : kind.versions) {
      const json::value whole = document(group_version_path(kind, version));
      const json::object gvk = group_version_kind(kind, version);
      const json::value& schema = whole.at("components").at("schemas").at(component_name(kind, version));
      EXPECT_EQ(schema.at("x-kubernetes-group-version-kind").at(0), json::value(gvk));
      const std::string path = '/' + group_version_path(kind, version) +
                               (kind.namespaced ? "/namespaces/{namespace}/" : "/") +
                               std::string(kind.plural);
      const json::value& patch = whole.at("paths").at(path + "/{name}").at("patch");
      EXPECT_EQ(patch.at("x-kubernetes-group-version-kind"), json::value(gvk));
      std::set<std::string> parameters;
      for (const json::value& parameter : patch.at("parameters").get_array()) {
        parameters.emplace(parameter.at("name").get_string());
      }
      EXPECT_EQ(parameters, (std::set<std::string>{"dryRun", "fieldManager", "fieldValidation", "force"}));
    }
  }
}

TEST(OpenApi, ReferencesLeadSomewhere) {
  const json::value index = json::parse(openapi_v3_index());
  for (const auto& entry : index.at("paths").get_object()) {
    const json::value whole = document(entry.key());
    std::set<std::string> references;
    collect_references(whole, references);
    EXPECT_FALSE(references.empty());
    for (const std::string& reference : references) {
      const std::string name = reference.substr(std::string("#/components/schemas/").size());
      EXPECT_TRUE(whole.at("components").at("schemas").get_object().contains(name)) << reference;
    }
  }
  const json::value v2 = json::parse(openapi_v2());
  std::set<std::string> references;
  collect_references(v2, references);
  for (const std::string& reference : references) {
    EXPECT_TRUE(
        v2.at("definitions").get_object().contains(reference.substr(std::string("#/definitions/").size())));
  }
}

TEST(OpenApi, SchemasTellHowListsMerge) {
  const json::value whole = document("apis/apps/v1");
  const json::value& containers = whole.at_pointer(
      "/components/schemas/io.k8s.api.apps.v1.Deployment/properties/spec/properties/template/properties/spec"
      "/properties/containers");
  EXPECT_EQ(containers.at("x-kubernetes-list-type"), "map");
  EXPECT_EQ(json::serialize(containers.at("x-kubernetes-list-map-keys")), R"(["name"])");
  EXPECT_EQ(containers.at("x-kubernetes-patch-merge-key"), "name");
  EXPECT_EQ(containers.at("x-kubernetes-patch-strategy"), "merge");
  const json::value istio = document("apis/networking.istio.io/v1");
  const json::value& spec =
      istio.at_pointer("/components/schemas/io.istio.networking.v1.VirtualService/properties/spec");
  EXPECT_EQ(spec.at_pointer("/properties/http/type"), "array");
  EXPECT_EQ(json::serialize(istio.at_pointer("/components/schemas/io.istio.networking.v1.DestinationRule"
                                             "/properties/spec/required")),
            R"(["host"])");
}

/// kubectl explain shows them.
TEST(OpenApi, EveryFieldIsDescribed) {
  for (const store::Kind& kind : store::kinds()) {
    const json::value whole = document(group_version_path(kind, kind.versions[0]));
    const json::value& schema =
        whole.at("components").at("schemas").at(component_name(kind, kind.versions[0]));
    EXPECT_TRUE(schema.get_object().contains("description")) << kind.kind;
    const json::value* spec = schema.at("properties").get_object().if_contains("spec");
    if (spec == nullptr) continue;
    for (const auto& field : spec->at("properties").get_object()) {
      EXPECT_TRUE(field.value().get_object().contains("description")) << kind.kind << " " << field.key();
    }
  }
}

}  // namespace
}  // namespace remora::kube
