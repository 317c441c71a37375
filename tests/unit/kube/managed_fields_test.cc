#include "kube/managed_fields.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "kube/managed_fields_set.h"
#include "unit/kube/random_json.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

const store::Kind& config_map() { return *store::find_kind("configmaps"); }
const store::Kind& deployment() { return *store::find_kind("deployments.apps"); }

json::object config(std::string_view data) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", "x"}}},
          {"data", json::parse(data)}};
}

/// "manager operation fieldsV1" of each entry.
std::string owners(const json::object& object) {
  const json::value* list = object.at("metadata").get_object().if_contains("managedFields");
  std::string out;
  if (list == nullptr) return out;
  for (const json::value& entry : list->get_array()) {
    out += std::string(entry.at("manager").get_string()) + ' ' +
           std::string(entry.at("operation").get_string()) + ' ' + json::serialize(entry.at("fieldsV1")) +
           '\n';
  }
  return out;
}

std::string time_of(const json::object& object) {
  return std::string(object.at("metadata").at("managedFields").at(0).at("time").get_string());
}

TEST(ManagedFields, ACreationIsOwnedByItsWriter) {
  json::object object = config(R"({"a":"1","b":"2"})");
  object["metadata"].get_object()["labels"] = {{"l", "v"}};
  object["metadata"].get_object()["uid"] = "7";
  track_update(config_map(), nullptr, object, {"kubectl-create", "", "T1"});
  EXPECT_EQ(owners(object),
            "kubectl-create Update {\"f:data\":{\".\":{},\"f:a\":{},\"f:b\":{}},"
            "\"f:metadata\":{\"f:labels\":{\".\":{},\"f:l\":{}}}}\n");
}

TEST(ManagedFields, ChangesMoveFields) {
  json::object first = config(R"({"a":"1","b":"2"})");
  track_update(config_map(), nullptr, first, {"one", "", "T1"});
  json::object second = config(R"({"a":"1","b":"3","c":"4"})");
  track_update(config_map(), &first, second, {"two", "", "T2"});
  EXPECT_EQ(
      owners(second),
      "one Update {\"f:data\":{\".\":{},\"f:a\":{}}}\ntwo Update {\"f:data\":{\"f:b\":{},\"f:c\":{}}}\n");
  json::object third = config(R"({"b":"3"})");
  track_update(config_map(), &second, third, {"three", "", "T3"});
  EXPECT_EQ(owners(third), "one Update {\"f:data\":{}}\ntwo Update {\"f:data\":{\"f:b\":{}}}\n")
      << "who only removes owns nothing";
}

TEST(ManagedFields, AnUnchangedObjectKeepsItsEntriesAndTheirTime) {
  json::object first = config(R"({"a":"1"})");
  track_update(config_map(), nullptr, first, {"one", "", "T1"});
  json::object second = config(R"({"a":"1"})");
  track_update(config_map(), &first, second, {"two", "", "T2"});
  EXPECT_EQ(owners(second), owners(first));
  EXPECT_EQ(time_of(second), "T1");
}

TEST(ManagedFields, AnEmptyListEndsTracking) {
  json::object first = config(R"({"a":"1"})");
  track_update(config_map(), nullptr, first, {"one", "", "T1"});
  for (const char* reset : {"[]", "[{}]"}) {
    json::object second = config(R"({"a":"2"})");
    second["metadata"].get_object()["managedFields"] = json::parse(reset);
    track_update(config_map(), &first, second, {"two", "", "T2"});
    EXPECT_EQ(owners(second), "") << reset;
    json::object third = config(R"({"a":"3"})");
    track_update(config_map(), &second, third, {"two", "", "T3"});
    EXPECT_EQ(owners(third), "") << "until it is applied";
  }
}

/// As kubectl does where it goes over to server-side apply.
TEST(ManagedFields, AWriterMayHandOverChangedEntries) {
  json::object first = config(R"({"a":"1"})");
  track_update(config_map(), nullptr, first, {"one", "", "T1"});
  json::object second = first;
  second["metadata"].get_object()["managedFields"].at(0).get_object()["manager"] = "renamed";
  track_update(config_map(), &first, second, {"two", "", "T2"});
  EXPECT_EQ(owners(second), "renamed Update {\"f:data\":{\".\":{},\"f:a\":{}}}\n");
  for (const char* broken :
       {"7", "[7]", R"([{"manager":"x"}])", R"([{"manager":"x","operation":"Steal"}])",
        R"([{"manager":"x","operation":"Apply","apiVersion":"v1","fieldsType":"FieldsV2"}])",
        R"([{"manager":"x","operation":"Apply","fieldsType":"FieldsV1","fieldsV1":{"q:a":{}}}])"}) {
    json::object third = second;
    third["metadata"].get_object()["managedFields"] = json::parse(broken);
    track_update(config_map(), &second, third, {"two", "", "T2"});
    EXPECT_EQ(owners(third), owners(second)) << broken << " cannot be read and counts as not given";
  }
}

TEST(ManagedFields, StatusIsTrackedApart) {
  json::object first{{"apiVersion", "apps/v1"}, {"metadata", {{"name", "x"}}}, {"spec", {{"replicas", 1}}}};
  track_update(deployment(), nullptr, first, {"one", "", "T1"});
  json::object second = first;
  second["status"] = {{"replicas", 1}};
  second["spec"].get_object()["replicas"] = 9;
  track_update(deployment(), &first, second, {"controller", "status", "T2"});
  EXPECT_EQ(owners(second),
            "one Update {\"f:spec\":{\".\":{},\"f:replicas\":{}}}\n"
            "controller Update {\"f:status\":{\".\":{},\"f:replicas\":{}}}\n");
  EXPECT_EQ(second.at("metadata").at("managedFields").at(1).at("subresource"), "status");
}

TEST(ManagedFields, TheOldestUpdatersMerge) {
  json::object object = config("{}");
  track_update(config_map(), nullptr, object, {"m0", "", "T00"});
  for (int i = 1; i <= 25; ++i) {
    json::object next = object;
    next["data"].get_object()["k" + std::to_string(i)] = "v";
    track_update(config_map(), &object, next, {"m" + std::to_string(i), "", "T" + std::to_string(10 + i)});
    object = next;
  }
  const json::array& entries = object.at("metadata").at("managedFields").get_array();
  EXPECT_EQ(entries.size(), 10U);
  EXPECT_EQ(entries[0].at("manager"), "ancient-changes");
  EXPECT_TRUE(entries[0].at("fieldsV1").at("f:data").get_object().contains("f:k1"));
  EXPECT_EQ(entries[9].at("manager"), "m25");
}

FieldSet random_set(RandomJson& random, int depth) {
  FieldSet set;
  set.member = random.below(2) == 0;
  for (int i = depth > 0 ? random.below(4) : 0; i > 0; --i) {
    const std::string name(1, static_cast<char>('a' + random.below(4)));
    const char* const forms[] = {"f:%", "v:\"%\"", "k:{\"name\":\"%\"}"};
    std::string element = forms[random.below(3)];
    element.replace(element.find('%'), 1, name);
    FieldSet child = random_set(random, depth - 1);
    if (child.empty()) child.member = true;
    set.children[element] = std::move(child);
  }
  return set;
}

TEST(FieldSet, FollowsTheLawsOfSets) {
  RandomJson random(17);
  for (int i = 0; i < 2000; ++i) {
    const FieldSet a = random_set(random, 3);
    const FieldSet b = random_set(random, 3);
    ASSERT_EQ(unite(a, b), unite(b, a));
    ASSERT_EQ(intersect(a, b), intersect(b, a));
    ASSERT_EQ(unite(subtract(a, b), intersect(a, b)), a);
    ASSERT_TRUE(intersect(subtract(a, b), b).empty());
    ASSERT_EQ(subtract(unite(a, b), b), subtract(a, b));
  }
}

TEST(FieldSet, ComesBackFromItsWrittenForm) {
  RandomJson random(19);
  for (int i = 0; i < 2000; ++i) {
    FieldSet set = random_set(random, 3);
    set.member = false;
    const auto back = from_fields_v1(json::parse(json::serialize(to_fields_v1(set))));
    ASSERT_TRUE(back.ok()) << back.error().message;
    ASSERT_EQ(*back, set);
  }
}

TEST(FieldSet, NamesItsPaths) {
  FieldSet set;
  set.add({"f:spec", R"(k:{"port":80,"protocol":"TCP"})", "f:name"});
  set.add({"f:list", R"(v:"x")"});
  std::string paths;
  for_each_path(set, [&](const std::string& path) { paths += path + '\n'; });
  EXPECT_EQ(paths, ".list[=\"x\"]\n.spec[port=80,protocol=\"TCP\"].name\n");
}

}  // namespace
}  // namespace remora::kube
