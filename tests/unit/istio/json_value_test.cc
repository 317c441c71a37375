// Objects as an API server gives them mean what the same text in a file means.
#include "istio/model/json_value.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "istio/model/resource.h"

namespace remora::istio {
namespace {

namespace json = boost::json;

ParsedFile read(const std::string& text) { return parse_object("place", json::parse(text).as_object()); }

std::string findings(const ParsedFile& parsed) {
  std::string text;
  for (const Diagnostic& finding : parsed.findings) text += finding.path + ": " + finding.message + '\n';
  return text;
}

TEST(JsonValue, AnObjectIsReadAsAFileIs) {
  const char* const kTexts[] = {
      R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"shop","labels":{"x":"1"}},)"
      R"("spec":{"ports":[{"name":"http","port":80,"targetPort":"web"}],"publishNotReadyAddresses":true}})",
      R"({"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"name":"a"},)"
      R"("spec":{"host":"a","trafficPolicy":{"outlierDetection":{"consecutive5xxErrors":7,"maxEjectionPercent":"x"}}}})",
      R"({"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"a"},)"
      R"("spec":{"hosts":["a"],"http":[{"timeout":"1.5s","route":[{"destination":{"host":"a"},"wieght":1}]}]}})",
      R"({"apiVersion":"v1","kind":"Service","metadata":null,"spec":[]})",
  };
  for (const char* text : kTexts) {
    const ParsedFile from_json = read(text), from_file = parse_file("place", text);
    EXPECT_EQ(findings(from_json), findings(from_file)) << text;
    ASSERT_EQ(from_json.resources.size(), from_file.resources.size()) << text;
    for (size_t i = 0; i < from_json.resources.size(); ++i)
      EXPECT_EQ(from_json.resources[i]->json, from_file.resources[i]->json);
  }
}

TEST(JsonValue, TextThatLooksLikeSomethingElseStaysText) {
  const auto value =
      value_of(json::parse(R"({"a":"true","b":"1","c":"null","d":"","e":"~","f":"a: b","g":"\u0000"})"));
  for (const auto& [name, field] : std::get<Value>(value).fields) {
    EXPECT_EQ(field.type, Value::Type::kString) << name;
  }
}

TEST(JsonValue, NumbersKeepTheirText) {
  const auto value = std::get<Value>(value_of(json::parse(R"([1, -7, 18446744073709551615, 0.5])")));
  ASSERT_EQ(value.items.size(), 4U);
  EXPECT_EQ(value.items[0].text, "1");
  EXPECT_EQ(value.items[1].text, "-7");
  EXPECT_EQ(value.items[2].text, "18446744073709551615");
  for (const Value& item : value.items) EXPECT_EQ(item.type, Value::Type::kNumber);
}

TEST(JsonValue, DepthAndSizeAreLimited) {
  json::value deep = "x";
  for (int i = 0; i < 300; ++i) deep = json::array{std::move(deep)};
  const auto too_deep = value_of(deep);
  ASSERT_TRUE(std::holds_alternative<SyntaxError>(too_deep));
  EXPECT_NE(std::get<SyntaxError>(too_deep).message.find("nested deeper"), std::string::npos);
  const ParsedFile parsed = parse_object("place", {{"kind", "Service"}, {"spec", deep}});
  EXPECT_TRUE(parsed.resources.empty());
  ASSERT_EQ(parsed.findings.size(), 1U);
  EXPECT_EQ(parsed.findings[0].file, "place");
}

/// What a real API server adds to an object that says nothing of it is nothing to warn about.
TEST(JsonValue, DefaultsOfAnApiServerAreNoFindings) {
  const char* const kTexts[] = {
      R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"shop","uid":"u","resourceVersion":"7",)"
      R"("creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{"manager":"kubectl"}]},)"
      R"("spec":{"clusterIP":"10.96.0.9","clusterIPs":["10.96.0.9"],"internalTrafficPolicy":"Cluster","ipFamilies":["IPv4"],)"
      R"("ipFamilyPolicy":"SingleStack","ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":80}],)"
      R"("selector":{"app":"a"},"sessionAffinity":"None","type":"ClusterIP"},"status":{"loadBalancer":{}}})",
      R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"shop"},)"
      R"("spec":{"allocateLoadBalancerNodePorts":true,"clusterIP":"10.96.0.9","externalTrafficPolicy":"Cluster",)"
      R"("internalTrafficPolicy":"Cluster","ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":80,"nodePort":30000}],)"
      R"("sessionAffinity":"None","type":"LoadBalancer"},"status":{"loadBalancer":{}}})",
  };
  for (const char* text : kTexts) EXPECT_EQ(findings(read(text)), "") << text;
}

}  // namespace
}  // namespace remora::istio
