#include "kube/api_fixture.h"

namespace remora::kube {
namespace {

TEST_F(ApiTest, Deletes) {
  add("web");
  const std::string uid = at(get(in(kServices, "web")), "/metadata/uid");
  EXPECT_EQ(refusal(ask(Verb::delete_, in(kServices, "web"), R"({"preconditions": {"uid": "another"}})")),
            "409 Conflict");
  EXPECT_EQ(
      refusal(ask(Verb::delete_, in(kServices, "web"), R"({"preconditions": {"resourceVersion": "1"}})")),
      "409 Conflict");
  EXPECT_EQ(refusal(ask(Verb::delete_, in(kServices, "web"), R"({"propagationPolicy": "Sideways"})")),
            "400 BadRequest");
  const auto deleted =
      ask(Verb::delete_, in(kServices, "web"),
          R"({"propagationPolicy": "Foreground", "preconditions": {"uid": ")" + uid + "\"}}");
  EXPECT_EQ(at(deleted, "/status"), "Success");
  EXPECT_EQ(at(deleted, "/details/uid"), uid);
  EXPECT_EQ(refusal(ask(Verb::delete_, in(kServices, "web"))), "404 NotFound");
}

TEST_F(ApiTest, FinalizersHoldAnObjectUntilTheyAreGone) {
  add("web");
  patch(in(kServices, "web"), R"({"metadata": {"finalizers": ["a.example/b"]}})");
  EXPECT_NE(at(ask(Verb::delete_, in(kServices, "web")), "/metadata/deletionTimestamp"), "nothing");
  EXPECT_NE(at(patch(in(kServices, "web"), R"({"metadata": {"deletionTimestamp": null}})"),
               "/metadata/deletionTimestamp"),
            "nothing");
  EXPECT_EQ(patch(in(kServices, "web"), R"({"metadata": {"finalizers": null}})")->response.status, 200u);
  EXPECT_EQ(refusal(get(in(kServices, "web"))), "404 NotFound");
}

TEST_F(ApiTest, DeletesWhatALabelSelects) {
  add("a", R"({"app": "x"})");
  add("b", R"({"app": "x"})");
  add("c");
  const auto deleted = ask(Verb::delete_, std::string(kServices) + "?labelSelector=app%3Dx");
  EXPECT_EQ(names(deleted), "a,b");
  EXPECT_EQ(names(get(kServices)), "c");
}

}  // namespace
}  // namespace remora::kube
