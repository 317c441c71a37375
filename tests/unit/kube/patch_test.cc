#include "kube/patch.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "kube/json_patch.h"
#include "kube/limits.h"
#include "kube/merge_patch.h"
#include "unit/kube/random_json.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

const store::Kind kCustom{
    "networking.istio.io", {"v1"}, "VirtualService", "virtualservices", "virtualservice", {}, {}};

json::value merged(std::string_view target, std::string_view patch) {
  json::value result = json::parse(target);
  merge_patch(result, json::parse(patch));
  return result;
}

TEST(MergePatch, FollowsTheTableOfTheRfc) {
  const struct {
    const char* target;
    const char* patch;
    const char* result;
  } kCases[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", "null", "null"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {"[1,2]", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const auto& row : kCases) {
    EXPECT_EQ(merged(row.target, row.patch), json::parse(row.result)) << row.target << " + " << row.patch;
  }
}

TEST(MergePatch, KeepsTheOrderOfWhatStays) {
  EXPECT_EQ(json::serialize(merged(R"({"a":1,"b":2,"c":3,"d":4})", R"({"b":null,"e":5})")),
            R"({"a":1,"c":3,"d":4,"e":5})");
}

TEST(MergePatch, TheDifferenceOfTwoDocumentsMakesTheSecondOfTheFirst) {
  RandomJson random(7);
  for (int i = 0; i < 2000; ++i) {
    const json::value from = random.object(4);
    const json::value to = random.object(4);
    json::value result = from;
    merge_patch(result, merge_diff(from, to));
    ASSERT_EQ(result, to) << json::serialize(from) << " -> " << json::serialize(to);
  }
}

Result<json::value> patched(std::string_view target, std::string_view patch) {
  json::value result = json::parse(target);
  if (auto done = json_patch(result, json::parse(patch)); !done) {
    EXPECT_EQ(result, json::parse(target)) << "all or nothing: " << patch;
    return done.error();
  }
  return result;
}

TEST(JsonPatch, CarriesOutEveryOperation) {
  const struct {
    const char* target;
    const char* patch;
    const char* result;
  } kCases[] = {
      {R"({"a":1})", R"([{"op":"add","path":"/b","value":2}])", R"({"a":1,"b":2})"},
      {R"({"a":1})", R"([{"op":"add","path":"/a","value":2}])", R"({"a":2})"},
      {R"({"a":[1,3]})", R"([{"op":"add","path":"/a/1","value":2}])", R"({"a":[1,2,3]})"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/-","value":2}])", R"({"a":[1,2]})"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/1","value":2}])", R"({"a":[1,2]})"},
      {R"({"a":1})", R"([{"op":"add","path":"","value":{"b":2}}])", R"({"b":2})"},
      {R"({"a":1,"b":2})", R"([{"op":"remove","path":"/a"}])", R"({"b":2})"},
      {R"({"a":[1,2,3]})", R"([{"op":"remove","path":"/a/1"}])", R"({"a":[1,3]})"},
      {R"({"a":{"b":1}})", R"([{"op":"replace","path":"/a/b","value":[1]}])", R"({"a":{"b":[1]}})"},
      {R"({"a":{"b":1}})", R"([{"op":"move","from":"/a/b","path":"/c"}])", R"({"a":{},"c":1})"},
      {R"({"a":[1,2]})", R"([{"op":"move","from":"/a/0","path":"/a/1"}])", R"({"a":[2,1]})"},
      {R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/a/c"}])", R"({"a":{"b":1,"c":{"b":1}}})"},
      {R"({"a/b":1,"m~n":2})", R"([{"op":"remove","path":"/a~1b"},{"op":"remove","path":"/m~0n"}])", "{}"},
      {R"({"a":{"x":1,"y":[2]}})", R"([{"op":"test","path":"/a","value":{"y":[2],"x":1}}])",
       R"({"a":{"x":1,"y":[2]}})"},
      {R"({"a":1})", R"([{"op":"test","path":"/b","value":null}])", R"({"a":1})"},
  };
  for (const auto& row : kCases) {
    const auto result = patched(row.target, row.patch);
    ASSERT_TRUE(result.ok()) << row.patch << ": " << result.error().message;
    EXPECT_EQ(*result, json::parse(row.result)) << row.patch;
  }
}

TEST(JsonPatch, SaysWhyItDoesNotApply) {
  const struct {
    const char* target;
    const char* patch;
    const char* error;
  } kCases[] = {
      {R"({"a":1})", R"([{"op":"remove","path":"/b"}])", R"(doc is missing path: "/b": missing value)"},
      {R"({"a":1})", R"([{"op":"add","path":"/b/c","value":1}])", R"(doc is missing path: "/b/c")"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/2","value":1}])", "Unable to access invalid index: 2"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/01","value":1}])", "Unable to access invalid index: 01"},
      {R"({"a":[1]})", R"([{"op":"remove","path":"/a/-"}])", "doc is missing path"},
      {R"({"a":[1]})", R"([{"op":"replace","path":"/a/-1","value":1}])", "doc is missing path"},
      {R"({"a":1})", R"([{"op":"add","path":"/b","value":1},{"op":"test","path":"/b","value":2}])",
       "testing value /b failed: test failed"},
      {R"({"a":{"b":1}})", R"([{"op":"move","from":"/a","path":"/a/b"}])", "cannot go into itself"},
      {R"({"a":1})", R"([{"op":"spin","path":"/a"}])", "Unexpected kind: spin"},
      {R"({"a":1})", R"([{"op":"add","path":"/b"}])", R"(needs "value")"},
      {R"({"a":1})", R"([{"op":"copy","path":"/b"}])", R"(needs "from")"},
      {R"({"a":1})", R"([{"op":"remove"}])", R"(needs "path")"},
      {R"({"a":1})", R"([{"path":"/a"}])", R"(needs "op")"},
      {R"({"a":1})", R"([{"op":"remove","path":"a"}])", "must begin with /"},
      {R"({"a":1})", R"([{"op":"remove","path":"/~2"}])", "neither ~0 nor ~1"},
      {R"({"a":1})", R"([7])", "is an object"},
      {R"({"a":1})", R"({})", "a list of operations"},
  };
  for (const auto& row : kCases) {
    const auto result = patched(row.target, row.patch);
    ASSERT_FALSE(result.ok()) << row.patch;
    EXPECT_NE(result.error().message.find(row.error), std::string::npos) << result.error().message;
  }
}

TEST(JsonPatch, CopiesCannotGrowWithoutBounds) {
  std::string doubling = "[";
  for (int i = 0; i < 40; ++i) doubling += R"({"op":"copy","from":"/a","path":"/a/-"},)";
  doubling.back() = ']';
  EXPECT_FALSE(patched(R"({"a":["0123456789"]})", doubling).ok());
  std::string wide = "[";
  for (int i = 0; i < 40; ++i)
    wide += R"({"op":"copy","from":"/a","path":"/b)" + std::to_string(i) + R"("},)";
  wide.back() = ']';
  const auto result = patched(R"({"a":")" + std::string(200'000, 'x') + R"("})", wide);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("too large"), std::string::npos) << result.error().message;
}

TEST(JsonPatch, WhatWasAddedPassesItsTest) {
  RandomJson random(11);
  for (int i = 0; i < 500; ++i) {
    json::value target = random.object(3);
    const json::value value = random.value(3);
    const json::value patch = {json::object{{"op", "add"}, {"path", "/new"}, {"value", value}},
                               json::object{{"op", "copy"}, {"from", "/new"}, {"path", "/copied"}},
                               json::object{{"op", "test"}, {"path", "/copied"}, {"value", value}}};
    const auto done = json_patch(target, patch);
    ASSERT_TRUE(done.ok()) << done.error().message;
    ASSERT_EQ(target.at("copied"), value);
  }
}

int code_of(const json::object& current, std::string_view body, PatchType type) {
  const auto result = patch(kCustom, current, body, type);
  const auto* refusal = std::get_if<Refusal>(&result);
  return refusal == nullptr ? 200 : refusal->code;
}

TEST(Patch, TakesTheContentTypesThatTheKindTakes) {
  EXPECT_EQ(std::get<PatchType>(patch_type(kCustom, "application/merge-patch+json; charset=utf-8")),
            PatchType::kMerge);
  EXPECT_EQ(std::get<PatchType>(patch_type(kCustom, "application/apply-patch+yaml")), PatchType::kApply);
  const auto strategic = patch_type(kCustom, "application/strategic-merge-patch+json");
  const auto& refusal = std::get<Refusal>(strategic);
  EXPECT_EQ(refusal.code, 415);
  EXPECT_EQ(refusal.reason, "UnsupportedMediaType");
  EXPECT_EQ(refusal.message,
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
  store::Kind deployment = kCustom;
  deployment.group = "apps";
  EXPECT_EQ(std::get<PatchType>(patch_type(deployment, "application/strategic-merge-patch+json")),
            PatchType::kStrategic);
  EXPECT_EQ(std::get<Refusal>(patch_type(deployment, "text/plain")).code, 415);
}

TEST(Patch, HostileBodiesAreErrors) {
  const json::object current{{"spec", {{"a", 1}}}};
  const std::string deep = [] {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += R"({"a":)";
    return text;
  }();
  for (const PatchType type : {PatchType::kJson, PatchType::kMerge}) {
    for (const char* body : {"", "{", "nul", "7", "\"x\"", "\xff\xfe", "[[[", "{\"a\":}"}) {
      EXPECT_EQ(code_of(current, body, type), 400) << body;
    }
    EXPECT_EQ(code_of(current, deep, type), 400);
    EXPECT_EQ(code_of(current, std::string(kMaxBodyBytes + 1, ' '), type), 413);
  }
  std::string many = "[";
  for (size_t i = 0; i <= kMaxPatchOperations; ++i) many += R"({"op":"test","path":"/spec/a","value":1},)";
  many.back() = ']';
  EXPECT_EQ(code_of(current, many, PatchType::kJson), 413);
  EXPECT_EQ(code_of(current, R"([{"op":"remove","path":""}])", PatchType::kJson), 422);
  EXPECT_EQ(code_of(current, R"([{"op":"test","path":"/spec/a","value":2}])", PatchType::kJson), 422);
  EXPECT_EQ(code_of(current, "[]", PatchType::kMerge), 400);
  EXPECT_EQ(code_of(current, R"({"spec":null})", PatchType::kMerge), 200);
}

}  // namespace
}  // namespace remora::kube
