#include "kube/api_fixture.h"

namespace remora::kube {
namespace {

TEST_F(ApiTest, CreatesAndShowsAnObject) {
  const auto created = ask(Verb::post, kServices, service("web"));
  EXPECT_EQ(created->response.status, 201u);
  EXPECT_EQ(at(created, "/metadata/namespace"), "default");
  EXPECT_NE(at(created, "/metadata/uid"), "nothing");
  EXPECT_EQ(get(in(kServices, "web"))->response.body, created->response.body);
}

TEST_F(ApiTest, CountsGenerationsOfOtherThanCoreKinds) {
  EXPECT_EQ(at(ask(Verb::post, kRules, rule("web")), "/metadata/generation"), "1");
  EXPECT_EQ(at(ask(Verb::post, kServices, service("web")), "/metadata/generation"), "nothing");
}

TEST_F(ApiTest, ShowsAnObjectInTheVersionThatIsAskedFor) {
  ask(Verb::post, kRules, rule("web"));
  const auto older = get("/apis/networking.istio.io/v1beta1/namespaces/default/destinationrules/web");
  EXPECT_EQ(at(older, "/apiVersion"), "networking.istio.io/v1beta1");
  EXPECT_EQ(at(get("/apis/networking.istio.io/v1alpha3/destinationrules"), "/items/0/apiVersion"),
            "networking.istio.io/v1alpha3");
}

TEST_F(ApiTest, RefusesToCreateWhatDoesNotFit) {
  add("web");
  EXPECT_EQ(refusal(ask(Verb::post, kServices, service("web"))), "409 AlreadyExists");
  EXPECT_EQ(refusal(ask(Verb::post, kServices, rule("web"))), "400 BadRequest");
  EXPECT_EQ(refusal(ask(Verb::post, kServices, "{")), "400 BadRequest");
  EXPECT_EQ(refusal(ask(Verb::post, kServices, "[]")), "400 BadRequest");
  EXPECT_EQ(refusal(ask(Verb::post, kServices, service("Web"))), "422 Invalid");
  EXPECT_EQ(refusal(ask(Verb::post, kServices, service("1web"))), "422 Invalid")
      << "a Service's name is a DNS label";
  EXPECT_EQ(refusal(ask(Verb::post, kServices, service("a", 80, R"({"bad key!": "x"})"))), "422 Invalid");
  EXPECT_EQ(refusal(ask(Verb::post, "/api/v1/namespaces/other/services",
                        R"({"metadata": {"name": "a", "namespace": "shop"}})")),
            "400 BadRequest");
  EXPECT_EQ(refusal(ask(Verb::post, kServices, R"({"metadata": {"name": "a", "resourceVersion": "5"}})")),
            "400 BadRequest");
  EXPECT_EQ(refusal(ask(Verb::post, kServices, "x", {{"Content-Type", "text/html"}})),
            "415 UnsupportedMediaType");
  EXPECT_EQ(names(get(kServices)), "web");
}

TEST_F(ApiTest, MakesNames) {
  const std::string body =
      R"({"metadata": {"generateName": "web-"}, "spec": {"ports": [{"name": "http", "port": 80}]}})";
  const std::string one = at(ask(Verb::post, kServices, body), "/metadata/name");
  const std::string two = at(ask(Verb::post, kServices, body), "/metadata/name");
  EXPECT_TRUE(one.starts_with("web-") && one.size() == 9) << one;
  EXPECT_NE(one, two);
  EXPECT_EQ(refusal(ask(Verb::post, kServices, R"({"metadata": {}})")), "422 Invalid");
}

TEST_F(ApiTest, NamesTheFieldsThatTheMeshRefuses) {
  const auto refused = ask(Verb::post, kRules, R"({"metadata": {"name": "a"}, "spec": {"host": "web",
      "subsets": [{"name": "v1", "labels": {"v": "1"}}, {"name": "v1", "labels": {"v": "2"}}]}})");
  EXPECT_EQ(refusal(refused), "422 Invalid");
  EXPECT_EQ(at(refused, "/details/kind"), "DestinationRule");
  EXPECT_EQ(at(refused, "/details/causes/0/field"), "spec.subsets[1].name");
  EXPECT_TRUE(at(refused, "/message")
                  .starts_with("DestinationRule.networking.istio.io \"a\" is invalid: spec.subsets[1].name: "
                               "Invalid value: \"v1\": "))
      << at(refused, "/message");
}

TEST_F(ApiTest, NamesTheFieldsOfSecurityPolicies) {
  const std::string policies = "/apis/security.istio.io/v1/namespaces/default/";
  const auto keyless = ask(Verb::post, policies + "requestauthentications",
                           R"({"metadata": {"name": "a"}, "spec": {"jwtRules": [{"issuer": "who"}]}})");
  EXPECT_EQ(refusal(keyless), "422 Invalid");
  EXPECT_EQ(at(keyless, "/details/causes/0/field"), "spec.jwtRules[0].jwks");
  const auto no_port = ask(Verb::post, policies + "peerauthentications",
                           R"({"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
                               "portLevelMtls": {"http": {"mode": "STRICT"}}}})");
  EXPECT_EQ(refusal(no_port), "422 Invalid");
}

TEST_F(ApiTest, WarnsOfWhatTheMeshWarnsOf) {
  const auto created =
      ask(Verb::post, kServices, R"({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}})");
  EXPECT_EQ(created->response.status, 201u);
  const std::string warning(created->response.headers["Warning"]);
  EXPECT_TRUE(warning.starts_with("299 - \"spec.ports[0]: ")) << warning;
}

TEST_F(ApiTest, ADryRunChangesNothing) {
  const auto dry = ask(Verb::post, std::string(kServices) + "?dryRun=All", service("web"));
  EXPECT_EQ(dry->response.status, 201u);
  EXPECT_NE(at(dry, "/metadata/uid"), "nothing");
  EXPECT_EQ(refusal(get(in(kServices, "web"))), "404 NotFound");
  add("web");
  EXPECT_EQ(refusal(ask(Verb::post, std::string(kServices) + "?dryRun=All", service("web"))),
            "409 AlreadyExists");
  EXPECT_EQ(at(patch(in(kServices, "web?dryRun=All"), R"({"metadata": {"labels": {"a": "b"}}})"),
               "/metadata/labels/a"),
            "b");
  EXPECT_EQ(ask(Verb::delete_, in(kServices, "web?dryRun=All"))->response.status, 200u);
  EXPECT_EQ(at(get(in(kServices, "web")), "/metadata/labels/a"), "nothing");
  EXPECT_EQ(refusal(ask(Verb::post, std::string(kServices) + "?dryRun=Some", service("x"))),
            "400 BadRequest");
}

}  // namespace
}  // namespace remora::kube
