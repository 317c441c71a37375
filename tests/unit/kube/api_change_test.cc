#include "kube/api_fixture.h"

namespace remora::kube {
namespace {

TEST_F(ApiTest, AnUpdateMustHaveSeenThePresentVersion) {
  ask(Verb::post, kRules, rule("web"));
  json::object object = body(get(in(kRules, "web")));
  object["spec"].as_object()["host"] = "api";
  const std::string text = json::serialize(object);
  const auto updated = ask(Verb::put, in(kRules, "web"), text);
  EXPECT_EQ(updated->response.status, 200u) << updated->response.body;
  EXPECT_EQ(at(updated, "/spec/host"), "api");
  EXPECT_EQ(at(updated, "/metadata/generation"), "2");
  EXPECT_EQ(refusal(ask(Verb::put, in(kRules, "web"), text)), "409 Conflict");
  EXPECT_EQ(refusal(ask(Verb::put, in(kRules, "web"), rule("web"))), "422 Invalid")
      << "a custom resource needs its version";
  EXPECT_EQ(refusal(ask(Verb::put, in(kRules, "api"), rule("api"))), "404 NotFound");
  EXPECT_EQ(refusal(ask(Verb::put, in(kRules, "web"), rule("api"))), "400 BadRequest");
  add("web");
  EXPECT_EQ(ask(Verb::put, in(kServices, "web"), service("web", 81))->response.status, 200u)
      << "a Service does not";
}

TEST_F(ApiTest, AnUpdateOfAnotherObjectOfTheNameIsAConflict) {
  add("web");
  EXPECT_EQ(refusal(ask(Verb::put, in(kServices, "web"),
                        R"({"metadata": {"name": "web", "uid": "another"}, "spec": {}})")),
            "409 Conflict");
  EXPECT_EQ(refusal(patch(in(kServices, "web"), R"({"metadata": {"uid": "another"}})")), "409 Conflict");
}

TEST_F(ApiTest, PatchesByMergeAndByOperations) {
  ask(Verb::post, kRules, rule("web"));
  EXPECT_EQ(at(patch(in(kRules, "web"), R"({"spec": {"host": "api"}})"), "/spec/host"), "api");
  EXPECT_EQ(at(patch(in(kRules, "web"), R"([{"op": "replace", "path": "/spec/host", "value": "b"}])",
                     "application/json-patch+json"),
               "/spec/host"),
            "b");
  EXPECT_EQ(refusal(patch(in(kRules, "web"), "{}", "application/strategic-merge-patch+json")),
            "415 UnsupportedMediaType");
  EXPECT_EQ(refusal(patch(in(kRules, "web"), "{}", "text/plain")), "415 UnsupportedMediaType");
  EXPECT_EQ(refusal(patch(in(kRules, "web"), R"({"metadata": {"name": "api"}})")), "400 BadRequest");
  EXPECT_EQ(refusal(patch(in(kRules, "web"), R"({"metadata": {"resourceVersion": "3"}})")), "409 Conflict");
  EXPECT_EQ(refusal(patch(in(kRules, "web"), R"({"spec": {"host": 5}})")), "422 Invalid");
  EXPECT_EQ(refusal(patch(in(kRules, "api"), "{}")), "404 NotFound");
}

TEST_F(ApiTest, FieldsThatAPatchHasTwiceAreRefusedWhereTheClientIsStrict) {
  ask(Verb::post, kRules, rule("web"));
  const char* twice = R"({"spec": {"host": "a", "host": "b"}})";
  EXPECT_EQ(refusal(patch(in(kRules, "web?fieldValidation=Strict"), twice)), "400 BadRequest");
  const auto warned = patch(in(kRules, "web"), twice);
  EXPECT_EQ(at(warned, "/spec/host"), "b");
  EXPECT_EQ(warned->response.headers["Warning"], R"(299 - "duplicate field \"spec.host\"")");
}

TEST_F(ApiTest, AnObjectStaysInTheVersionThatItWasCreatedIn) {
  ask(Verb::post, kRules, rule("web"));
  const auto patched = patch("/apis/networking.istio.io/v1beta1/namespaces/default/destinationrules/web",
                             R"({"metadata": {"labels": {"a": "b"}}})");
  EXPECT_EQ(at(patched, "/apiVersion"), "networking.istio.io/v1beta1");
  EXPECT_EQ(at(patched, "/metadata/generation"), "1") << "only its metadata has changed";
  EXPECT_EQ(store_.get({"destinationrules.networking.istio.io", "default", "web"})->body.at("apiVersion"),
            "networking.istio.io/v1");
}

TEST_F(ApiTest, ServerSideApplyCreatesAndNamesConflicts) {
  const char* type = "application/apply-patch+yaml";
  const std::string yaml =
      "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web}\nspec: {host: "
      "HOST}\n";
  const auto with = [&](std::string host) { return std::string(yaml).replace(yaml.find("HOST"), 4, host); };
  EXPECT_EQ(patch(in(kRules, "web?fieldManager=a"), with("one"), type)->response.status, 201u);
  const auto refused = patch(in(kRules, "web?fieldManager=b"), with("two"), type);
  EXPECT_EQ(refusal(refused), "409 Conflict");
  EXPECT_EQ(at(refused, "/details/causes/0/field"), ".spec.host");
  EXPECT_EQ(at(patch(in(kRules, "web?fieldManager=b&force=true"), with("two"), type), "/spec/host"), "two");
  EXPECT_EQ(refusal(patch(in(kRules, "web"), with("three"), type)), "422 Invalid")
      << "nobody applies namelessly";
}

TEST_F(ApiTest, StatusAndSpecAreWrittenApart) {
  ask(Verb::post, kRules,
      R"({"metadata": {"name": "web"}, "spec": {"host": "web"}, "status": {"observedGeneration": 9}})");
  EXPECT_EQ(at(get(in(kRules, "web")), "/status"), "nothing");
  const auto status =
      patch(in(kRules, "web/status"), R"({"spec": {"host": "x"}, "status": {"observedGeneration": 1}})");
  EXPECT_EQ(status->response.status, 200u) << status->response.body;
  EXPECT_EQ(at(status, "/status/observedGeneration"), "1");
  EXPECT_EQ(at(status, "/spec/host"), "web");
  const auto spec = patch(in(kRules, "web"), R"({"spec": {"host": "y"}, "status": null})");
  EXPECT_EQ(at(spec, "/spec/host"), "y");
  EXPECT_EQ(at(spec, "/status/observedGeneration"), "1");
  EXPECT_EQ(at(get(in(kRules, "web/status")), "/spec/host"), "y");
}

TEST_F(ApiTest, ObjectsOfFilesCanBeReadAndNotChanged) {
  store_.set_manifests({{{"destinationrules.networking.istio.io", "default", "web"},
                         json::parse(rule("web")).as_object(),
                         "mesh.yaml"}});
  EXPECT_EQ(at(get(in(kRules, "web")), "/spec/host"), "web");
  for (const auto& refused :
       {patch(in(kRules, "web"), R"({"spec": {"host": "x"}})"), ask(Verb::delete_, in(kRules, "web")),
        ask(Verb::delete_, kRules), ask(Verb::delete_, "/api/v1/namespaces/default")}) {
    EXPECT_EQ(refusal(refused), "403 Forbidden");
  }
  EXPECT_NE(at(patch(in(kRules, "web"), R"({"spec": {"host": "x"}})"), "/message").find("mesh.yaml"),
            std::string::npos);
  EXPECT_EQ(patch(in(kRules, "web/status"), R"({"status": {"observedGeneration": 1}})")->response.status,
            200u);
}

class FullDisk final : public store::Keeper {
 public:
  Result<void> save(const store::Object&) override { return Error{"/state/x.yaml: No space left on device"}; }
  Result<void> erase(const store::Object&) override { return {}; }
};

TEST(ApiOnFullDisk, RefusesAndKeepsServing) {
  boost::asio::io_context context;
  FullDisk disk;
  store::MemoryStore store(&disk);
  ApiServer api(context, store, "test");
  const auto ask = [&](Verb verb, const char* target, const char* body) {
    auto answers = std::make_shared<Answers>();
    api.handle({verb, target, {}, body}, answers);
    return answers->response;
  };
  const auto refused =
      ask(Verb::post, kServices,
          R"({"metadata": {"name": "web"}, "spec": {"ports": [{"name": "http", "port": 80}]}})");
  EXPECT_EQ(refused.status, 500u);
  EXPECT_NE(refused.body.find("InternalError"), std::string::npos);
  EXPECT_NE(refused.body.find("No space left on device"), std::string::npos) << refused.body;
  EXPECT_EQ(ask(Verb::get, kServices, "").status, 200u);
}

}  // namespace
}  // namespace remora::kube
