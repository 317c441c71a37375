#include "kube/apply.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "kube/managed_fields_set.h"
#include "kube/validate.h"
#include "unit/kube/random_json.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

/// One object that several managers work on.
class Subject {
 public:
  Subject(std::string_view type, std::string api_version)
      : kind_(*store::find_kind(type)),
        api_version_(std::move(api_version)) {}

  json::object object(std::string_view spec, std::string_view part = "spec") const {
    json::object out{{"apiVersion", api_version_},
                     {"kind", kind_.kind},
                     {"metadata", {{"name", "x"}, {"namespace", "d"}}}};
    out[part] = json::parse(spec);
    return out;
  }

  /// The refusal, if there is one.
  std::optional<Refusal> apply(const std::string& manager, const json::object& applied, bool force = false,
                               const std::string& subresource = {}) {
    auto outcome =
        server_side_apply(kind_, live ? &*live : nullptr, applied, {manager, subresource, now()}, force);
    if (auto* refusal = std::get_if<Refusal>(&outcome)) return std::move(*refusal);
    live = std::move(std::get<json::object>(outcome));
    return {};
  }
  std::optional<Refusal> apply(const std::string& manager, std::string_view spec, bool force = false) {
    return apply(manager, object(spec), force);
  }

  void update(const std::string& manager, json::object after, const std::string& subresource = {}) {
    track_update(kind_, live ? &*live : nullptr, after, {manager, subresource, now()});
    live = std::move(after);
  }

  std::string spec() const { return json::serialize(live->at("spec")); }
  json::array entries() const {
    const json::value* list = live->at("metadata").get_object().if_contains("managedFields");
    return list != nullptr ? list->get_array() : json::array();
  }
  /// fieldsV1 of a manager; empty where it has no entry.
  std::string fields(std::string_view manager, std::string_view operation = "Apply") const {
    for (const json::value& entry : entries()) {
      if (entry.at("manager").get_string() == manager && entry.at("operation").get_string() == operation) {
        return json::serialize(entry.at("fieldsV1"));
      }
    }
    return {};
  }

  std::optional<json::object> live;

 private:
  std::string now() {
    std::string second = std::to_string(10 + seconds_++ % 50);
    return "2026-11-21T06:00:" + second + 'Z';
  }

  const store::Kind& kind_;
  const std::string api_version_;
  int seconds_ = 0;
};

Subject deployment() { return {"deployments.apps", "apps/v1"}; }
Subject virtual_service() { return {"virtualservices.networking.istio.io", "networking.istio.io/v1"}; }
Subject service() { return {"services", "v1"}; }

TEST(Apply, CreatesAnObjectThatTheManagerOwns) {
  Subject subject = virtual_service();
  ASSERT_FALSE(subject.apply("me", R"({"hosts":["a"],"http":[{"route":[{"destination":{"host":"a"}}]}]})"));
  ASSERT_EQ(subject.entries().size(), 1U);
  EXPECT_EQ(
      json::serialize(subject.entries()[0]),
      R"({"manager":"me","operation":"Apply","apiVersion":"networking.istio.io/v1","time":"2026-11-21T06:00:10Z",)"
      R"("fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:hosts":{},"f:http":{}}}})");
  EXPECT_EQ(subject.live->at("metadata").at("name"), "x");
}

TEST(Apply, OwnsMapsByKeyAndListsByTheirKeys) {
  Subject subject = service();
  json::object applied = subject.object(R"({"ports":[{"port":80,"name":"http"}],"selector":{"app":"a"}})");
  applied["metadata"].get_object()["labels"] = {{"team", "core"}};
  ASSERT_FALSE(subject.apply("me", applied));
  EXPECT_EQ(subject.fields("me"),
            R"({"f:metadata":{"f:labels":{"f:team":{}}},"f:spec":{"f:ports":{)"
            R"("k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{}}},"f:selector":{}}})");
}

TEST(Apply, AgainChangesNothing) {
  Subject subject = deployment();
  const char* spec = R"({"replicas":2,"template":{"spec":{"containers":[{"name":"a","image":"a:1"}]}}})";
  ASSERT_FALSE(subject.apply("me", spec));
  const json::object once = *subject.live;
  ASSERT_FALSE(subject.apply("me", spec));
  EXPECT_EQ(json::serialize(*subject.live), json::serialize(once));
}

TEST(Apply, ManagersShareAnObject) {
  Subject subject = deployment();
  ASSERT_FALSE(subject.apply("one", R"({"replicas":2})"));
  ASSERT_FALSE(subject.apply("two", R"({"paused":true})"));
  EXPECT_EQ(subject.spec(), R"({"replicas":2,"paused":true})");
  EXPECT_EQ(subject.fields("one"), R"({"f:spec":{"f:replicas":{}}})");
  EXPECT_EQ(subject.fields("two"), R"({"f:spec":{"f:paused":{}}})");
}

TEST(Apply, AnotherValueOfAnOwnedFieldIsAConflict) {
  Subject subject = deployment();
  ASSERT_FALSE(subject.apply("one", R"({"replicas":2,"paused":true})"));
  auto refusal = subject.apply("two", R"({"replicas":3})");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, 409);
  EXPECT_EQ(refusal->reason, "Conflict");
  EXPECT_EQ(refusal->message, R"(Apply failed with 1 conflict: conflict with "one": .spec.replicas)");
  ASSERT_EQ(refusal->causes.size(), 1U);
  EXPECT_EQ(refusal->causes[0].type, "FieldManagerConflict");
  EXPECT_EQ(refusal->causes[0].field, ".spec.replicas");
  EXPECT_EQ(refusal->causes[0].message, R"(conflict with "one")");
  EXPECT_EQ(subject.spec(), R"({"replicas":2,"paused":true})");
  refusal = subject.apply("two", R"({"replicas":3,"paused":false})");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->message,
            "Apply failed with 2 conflicts: conflicts with \"one\":\n- .spec.paused\n- .spec.replicas");
}

TEST(Apply, ForceTakesTheFieldOver) {
  Subject subject = deployment();
  ASSERT_FALSE(subject.apply("one", R"({"replicas":2,"paused":true})"));
  ASSERT_FALSE(subject.apply("two", R"({"replicas":3})", true));
  EXPECT_EQ(subject.spec(), R"({"replicas":3,"paused":true})");
  EXPECT_EQ(subject.fields("one"), R"({"f:spec":{"f:paused":{}}})");
  ASSERT_FALSE(subject.apply("three", R"({"paused":false})", true));
  EXPECT_EQ(subject.fields("one"), "") << "whoever owns nothing has no entry";
}

TEST(Apply, TheSameValueIsOwnedTogether) {
  Subject subject = deployment();
  ASSERT_FALSE(subject.apply("one", R"({"replicas":2})"));
  ASSERT_FALSE(subject.apply("two", R"({"replicas":2})"));
  ASSERT_FALSE(subject.apply("one", R"({"paused":true})"));
  EXPECT_EQ(subject.spec(), R"({"replicas":2,"paused":true})") << "the other one still wants it";
  ASSERT_FALSE(subject.apply("two", R"({"minReadySeconds":1})"));
  EXPECT_EQ(subject.spec(), R"({"paused":true,"minReadySeconds":1})");
}

TEST(Apply, WhatIsNotAppliedAnyMoreGoes) {
  Subject subject = deployment();
  ASSERT_FALSE(subject.apply(
      "one",
      R"({"replicas":2,"template":{"spec":{"containers":[{"name":"a","image":"a"},{"name":"b","image":"b"}]}}})"));
  ASSERT_FALSE(subject.apply("two", R"({"template":{"spec":{"containers":[{"name":"b","tty":true}]}}})"));
  ASSERT_FALSE(subject.apply("one", R"({"template":{"spec":{"containers":[{"name":"a","image":"a"}]}}})"));
  EXPECT_EQ(subject.spec(),
            R"({"template":{"spec":{"containers":[{"name":"a","image":"a"},{"name":"b","tty":true}]}}})");
  ASSERT_FALSE(subject.apply("two", "{}"));
  EXPECT_EQ(subject.spec(), R"({"template":{"spec":{"containers":[{"name":"a","image":"a"}]}}})");
  EXPECT_EQ(subject.fields("two"), R"({"f:spec":{}})");
}

/// As in Kubernetes: what nobody owns inside of an item goes with the item.
TEST(Apply, AnItemGoesWithWhatNobodyOwnsInIt) {
  Subject subject = deployment();
  ASSERT_FALSE(subject.apply("one", R"({"template":{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}})"));
  subject.live->at("spec").at("template").at("spec").at("containers").at(1).get_object()["image"] =
      "defaulted";
  ASSERT_FALSE(subject.apply("one", R"({"template":{"spec":{"containers":[{"name":"a"}]}}})"));
  EXPECT_EQ(subject.spec(), R"({"template":{"spec":{"containers":[{"name":"a"}]}}})");
}

TEST(Apply, ItemsKeepTheOrderOfTheAppliedList) {
  Subject subject = deployment();
  ASSERT_FALSE(subject.apply(
      "one", R"({"template":{"spec":{"containers":[{"name":"a"},{"name":"x"},{"name":"b"}]}}})"));
  ASSERT_FALSE(subject.apply(
      "two", R"({"template":{"spec":{"containers":[{"name":"b"},{"name":"n"},{"name":"a"}]}}})"));
  std::string names;
  for (const json::value& item :
       subject.live->at("spec").at("template").at("spec").at("containers").get_array()) {
    names += item.at("name").get_string();
  }
  EXPECT_EQ(names, "xbna");
}

TEST(Apply, AtomicListsChangeOwnersAsAWhole) {
  Subject subject = virtual_service();
  ASSERT_FALSE(subject.apply("one", R"({"hosts":["a"],"http":[{"name":"1"}]})"));
  const auto refusal = subject.apply("two", R"({"http":[{"name":"1"},{"name":"2"}]})");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->causes.at(0).field, ".spec.http");
  ASSERT_FALSE(subject.apply("two", R"({"http":[{"name":"2"}]})", true));
  EXPECT_EQ(subject.spec(), R"({"hosts":["a"],"http":[{"name":"2"}]})");
}

TEST(Apply, AKeyWithItsDefaultIsTheSameKey) {
  Subject subject = service();
  ASSERT_FALSE(subject.apply("one", R"({"ports":[{"port":80}]})"));
  ASSERT_FALSE(subject.apply("two", R"({"ports":[{"port":80,"protocol":"TCP","name":"web"}]})"));
  EXPECT_EQ(subject.spec(), R"({"ports":[{"port":80,"protocol":"TCP","name":"web"}]})");
  const auto refusal = subject.apply("three", R"({"ports":[{"port":80,"name":"other"}]})");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->causes.at(0).field, R"(.spec.ports[port=80,protocol="TCP"].name)");
}

TEST(Apply, UpdatesTakeFieldsAndAppliersNotice) {
  Subject subject = deployment();
  ASSERT_FALSE(subject.apply("one", R"({"replicas":2,"paused":true})"));
  json::object edited = *subject.live;
  edited["spec"].get_object()["replicas"] = 5;
  subject.update("kubectl-edit", edited);
  EXPECT_EQ(subject.fields("kubectl-edit", "Update"), R"({"f:spec":{"f:replicas":{}}})");
  EXPECT_EQ(subject.fields("one"), R"({"f:spec":{"f:paused":{}}})");
  const auto refusal = subject.apply("one", R"({"replicas":2,"paused":true})");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->message,
            R"(Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas)");
  ASSERT_FALSE(subject.apply("one", R"({"replicas":5,"paused":true})"));
  EXPECT_EQ(subject.fields("kubectl-edit", "Update"), R"({"f:spec":{"f:replicas":{}}})");
}

TEST(Apply, OldObjectsBelongToBeforeFirstApply) {
  Subject subject = deployment();
  subject.live = subject.object(R"({"replicas":2,"paused":true})");
  ASSERT_FALSE(subject.apply("one", R"({"paused":true})"));
  EXPECT_EQ(subject.fields("before-first-apply", "Update"),
            R"({"f:spec":{".":{},"f:paused":{},"f:replicas":{}}})");
  const auto refusal = subject.apply("one", R"({"replicas":3})");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->causes.at(0).message, R"(conflict with "before-first-apply" using apps/v1)");
}

TEST(Apply, KubectlTakesOverFromItsClientSideApply) {
  Subject subject = deployment();
  json::object object = subject.object(R"({"replicas":2,"paused":true})");
  json::object config = object;
  object["metadata"].get_object()["annotations"] = {
      {"kubectl.kubernetes.io/last-applied-configuration", json::serialize(config)}};
  subject.update("kubectl-client-side-apply", object);
  EXPECT_TRUE(subject.apply("other", R"({"replicas":3})")) << "only kubectl may";
  ASSERT_FALSE(subject.apply("kubectl", R"({"replicas":3,"paused":true})"));
  EXPECT_EQ(subject.spec(), R"({"replicas":3,"paused":true})");
  const json::value& annotation =
      subject.live->at("metadata").at("annotations").at("kubectl.kubernetes.io/last-applied-configuration");
  EXPECT_EQ(json::parse(annotation.get_string()).at("spec").at("replicas"), 3);

  json::object scaled = *subject.live;
  scaled["spec"].get_object()["replicas"] = 9;
  subject.update("autoscaler", scaled);
  const auto refusal = subject.apply("kubectl", R"({"replicas":3,"paused":true})");
  ASSERT_TRUE(refusal) << "somebody else changed it since";
  EXPECT_EQ(refusal->causes.size(), 1U);
}

TEST(Apply, StatusHasItsOwnManagers) {
  Subject subject = deployment();
  json::object both = subject.object(R"({"replicas":2})");
  both["status"] = {{"replicas", 7}};
  ASSERT_FALSE(subject.apply("one", both));
  EXPECT_FALSE(subject.live->contains("status"));
  json::object status = subject.object(R"({"replicas":1})", "status");
  status["spec"] = {{"replicas", 9}};
  ASSERT_FALSE(subject.apply("controller", status, false, "status"));
  EXPECT_EQ(subject.spec(), R"({"replicas":2})");
  EXPECT_EQ(json::serialize(subject.live->at("status")), R"({"replicas":1})");
  EXPECT_EQ(subject.fields("controller"), R"({"f:status":{"f:replicas":{}}})");
  EXPECT_EQ(subject.entries()[1].at("subresource"), "status");
  ASSERT_FALSE(subject.apply("one", R"({"paused":true})"));
  EXPECT_EQ(json::serialize(subject.live->at("status")), R"({"replicas":1})")
      << "the main resource leaves it alone";
  const auto refusal = subject.apply("two", subject.object(R"({"replicas":4})", "status"), false, "status");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->causes.at(0).message, R"(conflict with "controller" with subresource "status")");
}

TEST(Apply, WhatDoesNotFitTheSchemaIsRefused) {
  Subject subject = virtual_service();
  const struct {
    const char* spec;
    const char* error;
  } kCases[] = {
      {R"({"http":[{"route":[{"destination":{"hots":1}}]}]})",
       ".spec.http[0].route[0].destination.hots: field not declared in schema"},
      {R"({"htpp":[]})",
       "failed to create typed patch object (d/x; networking.istio.io/v1, Kind=VirtualService): "
       ".spec.htpp: field not declared in schema"},
      {R"({"http":[{"rout":1}]})", ".spec.http[0].rout: field not declared in schema"},
      {R"({"hosts":"a"})", ".spec.hosts: expected list"},
      {R"({"http":{"a":1}})", ".spec.http: expected list"},
      {R"({"hosts":[{}],"a":1})",
       "errors:\n  .spec.hosts[0]: expected a scalar\n  .spec.a: field not declared"},
      {R"([])", ".spec: expected map"},
  };
  for (const auto& row : kCases) {
    const auto refusal = subject.apply("me", row.spec);
    ASSERT_TRUE(refusal) << row.spec;
    EXPECT_EQ(refusal->code, 400);
    EXPECT_NE(refusal->message.find(row.error), std::string::npos) << refusal->message;
  }
  Subject other = deployment();
  auto refusal = other.apply("me", R"({"template":{"spec":{"containers":[{"name":"a"},{"name":"a"}]}}})");
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->message.find(R"(.spec.template.spec.containers: duplicate entries for key [name="a"])"),
            std::string::npos)
      << refusal->message;
  refusal = other.apply("me", R"({"template":{"spec":{"containers":[{"name":"a","imgae":"a"}]}}})");
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->message.find(R"(): .spec.template.spec.containers[name="a"].imgae: field not declared)"),
            std::string::npos)
      << refusal->message;
  refusal = other.apply("me", R"({"template":{"spec":{"containers":[{"image":"a"}]}}})");
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->message.find("key fields"), std::string::npos) << refusal->message;
  json::object own = other.object("{}");
  own["metadata"].get_object()["managedFields"] = json::array();
  EXPECT_EQ(other.apply("me", own)->message, "metadata.managedFields must be nil");
}

TEST(Apply, ManagersAreBounded) {
  Subject subject = deployment();
  for (int i = 0; i < 64; ++i) {
    json::object applied = subject.object("{}");
    applied["metadata"].get_object()["labels"] = {{"l" + std::to_string(i), "v"}};
    ASSERT_FALSE(subject.apply("m" + std::to_string(i), applied)) << i;
  }
  const auto refusal = subject.apply("one-more", R"({"replicas":1})");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, 422);
}

TEST(Apply, DocumentsAreBounded) {
  json::object wide;
  for (int i = 0; i < 100'000; ++i) wide["k" + std::to_string(i)] = "v";
  const store::Kind& kind = *store::find_kind("configmaps");
  json::object object{{"apiVersion", "v1"}, {"metadata", {{"name", "x"}}}, {"data", wide}};
  EXPECT_EQ(std::get<Refusal>(server_side_apply(kind, nullptr, object, {"m", "", "t"}, false)).code, 413);
  track_update(kind, nullptr, object, {"m", "", "t"});
  EXPECT_FALSE(object.at("metadata").get_object().contains("managedFields")) << "they would exceed a MiB";
  json::value deep = 1;
  for (int i = 0; i < 47; ++i) deep = json::object{{"a", deep}};
  json::object nested{{"spec", {{"outboundTrafficPolicy", {{"egressProxy", deep}}}}},
                      {"metadata", {{"name", "x"}}}};
  const auto outcome =
      validate(*store::find_kind("sidecars.networking.istio.io"), nested, {}, FieldValidation::kStrict);
  EXPECT_EQ(std::get<Refusal>(outcome).causes.at(0).field, "spec");
}

/// Whatever two managers apply: it holds afterwards, comes to rest, and fits the schema; and what a manager
/// gives up without others is gone.
TEST(Apply, HoldsForRandomConfigurations) {
  RandomJson random(21);
  const auto config = [&](const Subject& subject) {
    json::array containers;
    for (int i = 0; i < 3; ++i) {
      if (random.below(2) == 0) continue;
      json::object container{{"name", std::string(1, static_cast<char>('a' + i))}};
      if (random.below(2) == 0) container["image"] = std::to_string(random.below(2));
      if (random.below(2) == 0)
        container["env"] = {{{"name", "E"}, {"value", std::to_string(random.below(2))}}};
      containers.push_back(std::move(container));
    }
    if (containers.empty()) containers.push_back(json::object{{"name", "z"}});
    json::object spec{{"template", {{"spec", {{"containers", containers}}}}}};
    if (random.below(2) == 0) spec["replicas"] = random.below(3);
    json::object out = subject.object(json::serialize(spec));
    if (random.below(2) == 0)
      out["metadata"].get_object()["labels"] = {{"l", std::to_string(random.below(2))}};
    return out;
  };
  for (int round = 0; round < 300; ++round) {
    Subject subject = deployment();
    json::object last;
    for (int step = 0; step < 6; ++step) {
      const std::string manager(1, static_cast<char>('A' + random.below(3)));
      last = config(subject);
      if (subject.apply(manager, last, false)) {
        ASSERT_FALSE(subject.apply(manager, last, true));
      }
      const json::object once = *subject.live;
      ASSERT_FALSE(subject.apply(manager, last));
      ASSERT_EQ(*subject.live, once);
      for (const json::value& wanted :
           last.at("spec").at("template").at("spec").at("containers").get_array()) {
        bool found = false;
        for (const json::value& is : once.at("spec").at("template").at("spec").at("containers").get_array()) {
          if (is.at("name") != wanted.at("name")) continue;
          found = true;
          for (const auto& member : wanted.get_object()) ASSERT_EQ(is.at(member.key()), member.value());
        }
        ASSERT_TRUE(found);
      }
    }
    for (const char* manager : {"A", "B", "C"}) ASSERT_FALSE(subject.apply(manager, subject.object("{}")));
    ASSERT_EQ(subject.spec(), "{}");
    ASSERT_FALSE(subject.live->at("metadata").get_object().contains("labels"));
  }
}

TEST(Apply, HostileDocumentsAreAnswered) {
  RandomJson random(4);
  for (int i = 0; i < 3000; ++i) {
    for (const store::Kind& kind : store::kinds()) {
      json::object live{
          {"apiVersion", random.value(0)}, {"spec", random.value(3)}, {"metadata", random.value(2)}};
      json::object applied{
          {"spec", random.value(3)}, {"metadata", random.value(2)}, {"status", random.value(2)}};
      if (live["metadata"].is_object()) live["metadata"].get_object()["managedFields"] = random.value(4);
      (void)server_side_apply(kind, &live, applied, {"m", "", "t"}, random.below(2) == 0);
      track_update(kind, &live, applied, {"m", random.below(2) == 0 ? "status" : "", "t"});
    }
  }
}

}  // namespace
}  // namespace remora::kube
