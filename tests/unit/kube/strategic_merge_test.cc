#include "kube/strategic_merge.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "kube/limits.h"
#include "unit/kube/random_json.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

const store::Kind& deployment() { return *store::find_kind("deployments.apps"); }

std::string pod(const std::string& spec) { return R"({"spec":{"template":{"spec":)" + spec + "}}}"; }

struct Case {
  const char* what;
  std::string target;
  std::string patch;
  std::string result;  ///< empty: an error
  const char* error = "";
};

void check(const Case& row, const store::Kind& kind = deployment()) {
  json::value target = json::parse(row.target);
  const auto done = strategic_merge(kind, target, json::parse(row.patch));
  if (row.result.empty()) {
    ASSERT_FALSE(done.ok()) << row.what << ": " << json::serialize(target);
    EXPECT_NE(done.error().message.find(row.error), std::string::npos)
        << row.what << ": " << done.error().message;
    return;
  }
  ASSERT_TRUE(done.ok()) << row.what << ": " << done.error().message;
  EXPECT_EQ(target, json::parse(row.result)) << row.what << ": " << json::serialize(target);
}

/// One pod specification, patched.
void check_pod(const char* what, const std::string& target, const std::string& patch,
               const std::string& result) {
  check({what, pod(target), pod(patch), pod(result)});
}

TEST(StrategicMerge, MapsMergeAndNullRemoves) {
  check({"set, change, remove", R"({"spec":{"replicas":1,"paused":true,"minReadySeconds":3}})",
         R"({"spec":{"replicas":2,"paused":null,"revisionHistoryLimit":4}})",
         R"({"spec":{"replicas":2,"minReadySeconds":3,"revisionHistoryLimit":4}})"});
  check({"labels", R"({"metadata":{"labels":{"a":"1","b":"2"}}})",
         R"({"metadata":{"labels":{"b":null,"c":"3"}}})", R"({"metadata":{"labels":{"a":"1","c":"3"}}})"});
  check({"null of what is not there", R"({"spec":{}})",
         R"({"spec":{"replicas":null,"strategy":{"type":null}}})", R"({"spec":{"strategy":{}}})"});
}

TEST(StrategicMerge, ListsMergeByTheirKeys) {
  check_pod("one container of two",
            R"({"containers":[{"name":"a","image":"a:1"},{"name":"b","image":"b:1"}]})",
            R"({"containers":[{"name":"b","image":"b:2"}]})",
            R"({"containers":[{"name":"a","image":"a:1"},{"name":"b","image":"b:2"}]})");
  check_pod("another one", R"({"containers":[{"name":"a","image":"a:1"}]})",
            R"({"containers":[{"name":"b","image":"b:1"}]})",
            R"({"containers":[{"name":"b","image":"b:1"},{"name":"a","image":"a:1"}]})");
  check_pod(
      "nested lists by their own keys",
      R"({"containers":[{"name":"a","env":[{"name":"X","value":"1"}],"ports":[{"containerPort":80,"name":"x"}]}]})",
      R"({"containers":[{"name":"a","env":[{"name":"X","value":"2"}],"ports":[{"containerPort":80,"name":"y"}]}]})",
      R"({"containers":[{"name":"a","env":[{"name":"X","value":"2"}],"ports":[{"containerPort":80,"name":"y"}]}]})");
  check_pod("a list without keys is replaced", R"({"containers":[{"name":"a","args":["x","y"]}]})",
            R"({"containers":[{"name":"a","args":["z"]}]})", R"({"containers":[{"name":"a","args":["z"]}]})");
  check({"a set of scalars", R"({"metadata":{"finalizers":["a","b"]}})",
         R"({"metadata":{"finalizers":["b","c"]}})", R"({"metadata":{"finalizers":["a","b","c"]}})"});
  check({"no key", pod(R"({"containers":[{"name":"a"}]})"), pod(R"({"containers":[{"image":"x"}]})"), "",
         "does not contain declared merge key: name"});
  check({"mixed", pod(R"({"containers":[{"name":"a"}]})"), pod(R"({"containers":[[]]})"), "",
         "lists of lists"});
}

TEST(StrategicMerge, ServicePortsMergeByPort) {
  check({"port", R"({"spec":{"ports":[{"port":80,"name":"http"},{"port":81,"name":"admin"}]}})",
         R"({"spec":{"ports":[{"port":81,"targetPort":8081}]}})",
         R"({"spec":{"ports":[{"port":80,"name":"http"},{"port":81,"name":"admin","targetPort":8081}]}})"},
        *store::find_kind("services"));
}

TEST(StrategicMerge, DirectivesDeleteAndReplace) {
  check_pod("delete an item", R"({"containers":[{"name":"a"},{"name":"b"}]})",
            R"({"containers":[{"name":"a","$patch":"delete"}]})", R"({"containers":[{"name":"b"}]})");
  check_pod("delete what is not there", R"({"containers":[{"name":"a"}]})",
            R"({"containers":[{"name":"x","$patch":"delete"}]})", R"({"containers":[{"name":"a"}]})");
  check_pod("replace a list", R"({"containers":[{"name":"a"},{"name":"b"}]})",
            R"({"containers":[{"$patch":"replace"},{"name":"c"}]})", R"({"containers":[{"name":"c"}]})");
  check({"replace a map", R"({"metadata":{"labels":{"a":"1"}}})",
         R"({"metadata":{"labels":{"$patch":"replace","b":"2"}}})", R"({"metadata":{"labels":{"b":"2"}}})"});
  check({"delete a map's members", R"({"metadata":{"labels":{"a":"1"}}})",
         R"({"metadata":{"labels":{"$patch":"delete"}}})", R"({"metadata":{"labels":{}}})"});
  check_pod("a directive in a new list leaves nothing behind", R"({})",
            R"({"containers":[{"name":"a","$patch":"delete"},{"name":"b"}]})",
            R"({"containers":[{"name":"b"}]})");
  check({"unknown", R"({"spec":{"replicas":1}})", R"({"spec":{"$patch":"shred"}})", "",
         "Unknown patch type found: shred"});
  check({"unknown in a list", pod(R"({"containers":[]})"),
         pod(R"({"containers":[{"name":"a","$patch":"merge"}]})"), "", "Unknown patch type found: merge"});
  check({"unknown name", R"({"spec":{}})", R"({"spec":{"$shred":1}})", "", "unknown directive"});
}

TEST(StrategicMerge, ScalarsLeaveListsByDirective) {
  check({"delete", R"({"metadata":{"finalizers":["a","b","c"]}})",
         R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["b","x"],"finalizers":["d"]}})",
         R"({"metadata":{"finalizers":["d","a","c"]}})"});
  check({"all of the same", R"({"metadata":{"finalizers":["a","b","a"]}})",
         R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}})",
         R"({"metadata":{"finalizers":["b"]}})"});
  check({"not there", R"({"metadata":{}})", R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["b"]}})",
         R"({"metadata":{}})"});
}

TEST(StrategicMerge, TheClientGivesTheOrder) {
  const std::string abcd = R"({"containers":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]})";
  check_pod("reorder", abcd,
            R"({"$setElementOrder/containers":[{"name":"d"},{"name":"c"},{"name":"b"},{"name":"a"}]})",
            R"({"containers":[{"name":"d"},{"name":"c"},{"name":"b"},{"name":"a"}]})");
  check_pod("the server's own items keep their places", abcd,
            R"({"$setElementOrder/containers":[{"name":"d"},{"name":"a"}]})",
            R"({"containers":[{"name":"b"},{"name":"c"},{"name":"d"},{"name":"a"}]})");
  check_pod("change, add, delete and order", R"({"containers":[{"name":"a","image":"1"},{"name":"b"}]})",
            R"({"$setElementOrder/containers":[{"name":"c"},{"name":"a"}],
                "containers":[{"name":"c"},{"name":"b","$patch":"delete"},{"name":"a","image":"2"}]})",
            R"({"containers":[{"name":"c"},{"name":"a","image":"2"}]})");
  check_pod(
      "the server's own items come before what stood after them",
      R"({"containers":[{"name":"a"},{"name":"b"},{"name":"x"},{"name":"y"},{"name":"c"},{"name":"d"}]})",
      R"({"$setElementOrder/containers":[{"name":"b"},{"name":"a"},{"name":"d"},{"name":"c"}]})",
      R"({"containers":[{"name":"b"},{"name":"a"},{"name":"x"},{"name":"y"},{"name":"d"},{"name":"c"}]})");
  check(
      {"the changes contradict the order", pod(abcd),
       pod(R"({"$setElementOrder/containers":[{"name":"a"},{"name":"b"}],"containers":[{"name":"b"},{"name":"a"}]})"),
       "", "doesn't match"});
  check_pod("a new list", "{}", R"({"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],
                "containers":[{"name":"b"},{"name":"a"}]})",
            R"({"containers":[{"name":"b"},{"name":"a"}]})");
  check_pod("nothing to order", "{}", R"({"$setElementOrder/containers":[{"name":"b"}]})", "{}");
  check({"no list", pod("{}"), pod(R"({"$setElementOrder/containers":7})"), "", "must be a list"});
  check({"of what does not merge", pod("{}"), pod(R"({"$setElementOrder/tolerations":[]})"), "", "does not"});
}

TEST(StrategicMerge, RetainKeysClearsTheOthers) {
  check({"strategy", R"({"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}})",
         R"({"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}})",
         R"({"spec":{"strategy":{"type":"Recreate"}}})"});
  check_pod("a volume of another kind", R"({"volumes":[{"name":"v","emptyDir":{}}]})",
            R"({"volumes":[{"$retainKeys":["name","hostPath"],"name":"v","hostPath":{"path":"/x"}}]})",
            R"({"volumes":[{"name":"v","hostPath":{"path":"/x"}}]})");
  check({"sets what it does not retain", R"({"spec":{}})",
         R"({"spec":{"strategy":{"$retainKeys":["type"],"rollingUpdate":{}}}})", "", "$retainKeys"});
  check({"no list", R"({"spec":{}})", R"({"spec":{"strategy":{"$retainKeys":"type"}}})", "",
         "$retainKeys must be"});
}

TEST(StrategicMerge, WhatKubectlSendsForANewImage) {
  check_pod("apply", R"({"containers":[{"name":"api","image":"a:1","ports":[{"containerPort":8080}]}]})",
            R"({"$setElementOrder/containers":[{"name":"api"}],"containers":[{"image":"a:2","name":"api"}]})",
            R"({"containers":[{"name":"api","image":"a:2","ports":[{"containerPort":8080}]}]})");
}

/// Without directives and merging lists it is a merge patch; whatever comes, it is answered, and a patch that
/// was merged changes nothing when it comes again.
TEST(StrategicMerge, HostilePatchesAreAnswered) {
  RandomJson random(5);
  const char* kNames[] = {"$patch",     "$retainKeys", "$setElementOrder/containers",
                          "containers", "name",        "$deleteFromPrimitiveList/containers"};
  for (int i = 0; i < 20'000; ++i) {
    json::object spec = random.object(2);
    for (int n = random.below(4); n > 0; --n) spec[kNames[random.below(6)]] = random.value(2);
    json::object items;
    items["name"] = random.value(1);
    if (random.below(2) == 0) spec["containers"] = json::array{items, random.value(1)};
    json::value target = json::parse(pod(R"({"containers":[{"name":1,"a":2}]})"));
    json::value patch = json::parse(pod("{}"));
    patch.at("spec").at("template").at("spec") = spec;
    if (!strategic_merge(deployment(), target, patch).ok()) continue;
    const json::value once = target;
    ASSERT_TRUE(strategic_merge(deployment(), target, patch).ok()) << json::serialize(patch);
    ASSERT_LE(depth_of(target), 10U);
  }
  json::array many;
  for (int i = 0; i < 50'000; ++i) many.push_back(json::object{{"name", std::to_string(i)}});
  json::value target = json::parse(pod("{}"));
  json::value patch = json::parse(pod("{}"));
  patch.at("spec").at("template").at("spec") = {{"containers", many}};
  ASSERT_TRUE(strategic_merge(deployment(), target, patch).ok());
  ASSERT_TRUE(strategic_merge(deployment(), target, patch).ok());
  EXPECT_EQ(target, patch);
}

}  // namespace
}  // namespace remora::kube
