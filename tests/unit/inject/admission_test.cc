#include "inject/admission.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "inject/json_difference.h"
#include "unit/inject/pods.h"

namespace remora::inject {
namespace {

namespace json = boost::json;
using testing::at;
using testing::object;
using testing::pod;
using testing::text_at;

std::string asking_for(const json::object& pod, const char* kind = "Pod") {
  return json::serialize(json::object{
      {"apiVersion", "admission.k8s.io/v1"},
      {"kind", "AdmissionReview"},
      {"request",
       {{"uid", "u-1"}, {"namespace", "shop"}, {"kind", {{"group", ""}, {"kind", kind}}}, {"object", pod}}}});
}

json::object response(const Reviewed& reviewed) {
  return json::parse(reviewed.body).at("response").as_object();
}

TEST(Admission, PodGetsAPatch) {
  const auto reviewed = review(asking_for(pod()), {});
  ASSERT_TRUE(reviewed.ok());
  const auto answer = response(*reviewed);
  EXPECT_EQ(text_at(answer, "/uid"), "u-1");
  EXPECT_EQ(at(answer, "/allowed"), true);
  EXPECT_EQ(text_at(answer, "/patchType"), "JSONPatch");
  EXPECT_FALSE(text_at(answer, "/patch").empty());
  EXPECT_EQ(reviewed->summary, "Pod shop/web: injected");
}

TEST(Admission, PodOnItsHostsNetworkIsLetThroughWithAWarning) {
  const auto reviewed = review(asking_for(pod("", "", "  hostNetwork: true\n")), {});
  ASSERT_TRUE(reviewed.ok());
  const auto answer = response(*reviewed);
  EXPECT_EQ(at(answer, "/allowed"), true);
  EXPECT_TRUE(at(answer, "/patch").is_null());
  EXPECT_TRUE(text_at(answer, "/warnings/0").starts_with("no sidecar: hostNetwork"));
}

TEST(Admission, NonsenseIsRefusedByName) {
  const auto reviewed = review(asking_for(pod("  annotations: {sidecar.istio.io/proxyCPU: much}\n")), {});
  ASSERT_TRUE(reviewed.ok());
  EXPECT_TRUE(reviewed->refused);
  EXPECT_EQ(at(response(*reviewed), "/allowed"), false);
  EXPECT_EQ(text_at(response(*reviewed), "/status/message"),
            "sidecar: sidecar.istio.io/proxyCPU: \"much\" is no amount, as in 100m or 128Mi");
}

TEST(Admission, AProblemIsToldOfTheWorkloadThatMakesThePod) {
  const std::string owners =
      "  ownerReferences:\n  - {apiVersion: v1, kind: Other, name: other, uid: o}\n"
      "  - {apiVersion: apps/v1, kind: ReplicaSet, name: web-5d7f, uid: r, controller: true}\n";
  const auto reviewed =
      review(asking_for(pod(owners + "  annotations: {sidecar.istio.io/proxyCPU: much}\n")), {});
  ASSERT_TRUE(reviewed.ok());
  ASSERT_EQ(reviewed->problems.size(), 1U);
  EXPECT_TRUE(reviewed->problems[0].starts_with("sidecar.istio.io/proxyCPU: ")) << reviewed->problems[0];
  const Concerned& about = reviewed->concerned;
  EXPECT_EQ(about.api_version + ' ' + about.kind + ' ' + about.ns + ' ' + about.name + ' ' + about.uid,
            "apps/v1 ReplicaSet shop web-5d7f r");
  EXPECT_FALSE(reviewed->dry_run);
}

TEST(Admission, WhatHasNoEffectIsAProblemOfThePodThatNobodyMakes) {
  const auto reviewed =
      review(asking_for(pod("  annotations: {sidecar.istio.io/agentLogLevel: debug}\n")), {});
  ASSERT_TRUE(reviewed.ok());
  EXPECT_TRUE(reviewed->injected);
  ASSERT_EQ(reviewed->problems.size(), 1U);
  EXPECT_EQ(reviewed->problems[0], text_at(response(*reviewed), "/warnings/0"));
  EXPECT_EQ(reviewed->concerned.kind + ' ' + reviewed->concerned.name, "Pod web");
  const auto left = review(asking_for(pod("  annotations: {sidecar.istio.io/inject: 'false'}\n")), {});
  ASSERT_TRUE(left.ok());
  EXPECT_TRUE(left->problems.empty()) << "it is what its user wants";
}

TEST(Admission, OtherKindsAreLetThrough) {
  const auto reviewed = review(asking_for(pod(), "Service"), {});
  ASSERT_TRUE(reviewed.ok());
  EXPECT_TRUE(at(response(*reviewed), "/patch").is_null());
}

TEST(Admission, WhatIsNoReviewIsAnError) {
  for (const char* body :
       {"", "[]", "{}", "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1beta1\"}",
        "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\"}"}) {
    EXPECT_FALSE(review(body, {}).ok()) << body;
  }
}

TEST(JsonDifference, IsAsDeepAsTheChange) {
  const auto before = object("a: {b: 1, c/d: 2, gone: 3}\nlist: [{x: 1}, {x: 2}]\nshort: [1]\n");
  const auto after = object("a: {b: 1, c/d: 4, e~: 5}\nlist: [{x: 1}, {x: 3}]\nshort: [1, 2]\n");
  EXPECT_EQ(json::serialize(difference(before, after)),
            R"([{"op":"remove","path":"/a/gone"},{"op":"replace","path":"/a/c~1d","value":4},)"
            R"({"op":"add","path":"/a/e~0","value":5},{"op":"replace","path":"/list/1/x","value":3},)"
            R"({"op":"replace","path":"/short","value":[1,2]}])");
}

}  // namespace
}  // namespace remora::inject
