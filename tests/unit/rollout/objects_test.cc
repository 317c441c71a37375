#include "rollout/objects.h"

#include <gtest/gtest.h>

#include "rollout/json_fields.h"
#include "rollout/parsed.h"
#include "store/yaml.h"
#include "unit/rollout/rollout_builders.h"

namespace remora::rollout::test {
namespace {

namespace json = boost::json;

/// A Canary with what its rollout asks for, and every object checked as the mesh would read it.
struct Objects {
  explicit Objects(const std::string& yaml, const Status& status = {}) {
    canary.key = {kCanaryType, "default", "api"};
    canary.body = store::from_yaml(yaml)->get_object();
    canary.body["metadata"].get_object()["uid"] = "u-1";
    spec = *parse_spec<istio::Canary>(canary);
    for (WantedObject& wanted :
         wanted_objects({spec, canary, status, select_versions({"app", "api"}, status)})) {
      const auto parsed = istio::parse_file("x", json::serialize(wanted.body));
      for (const auto& finding : parsed.findings) {
        ADD_FAILURE() << wanted.key.text() << ": " << finding.path << ": " << finding.message;
      }
      all.emplace(wanted.key.type + '/' + wanted.key.name, std::move(wanted.body));
    }
  }

  std::string http() const {
    return json::serialize(all.at("virtualservices.networking.istio.io/api").at("spec").at("http"));
  }

  store::Object canary;
  istio::Canary spec;
  std::map<std::string, json::object> all;
};

std::string with_service(const std::string& service, const std::string& analysis) {
  return "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: api, namespace: default}\nspec:\n"
         "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: api}\n  service: " +
         service + "\n  analysis: " + analysis + "\n";
}

Status weighted(uint32_t canary, bool mirror = false) {
  Status status;
  status.primary_revision = "v1";
  status.last_applied = "v2";
  status.weights = {100 - canary, canary, mirror};
  return status;
}

TEST(Objects, ATcpServiceHasRoutesOfConnections) {
  Objects objects(with_service("{port: 5432, appProtocol: TCP, match: [{port: 5432}], gateways: [mesh]}",
                               "{stepWeight: 10}"),
                  weighted(30));
  const json::object& spec =
      objects.all.at("virtualservices.networking.istio.io/api").at("spec").get_object();
  EXPECT_FALSE(spec.contains("http"));
  EXPECT_EQ(json::serialize(spec.at("tcp")),
            R"([{"match":[{"port":5432}],"route":[{"destination":{"host":"api-primary"},"weight":70},)"
            R"({"destination":{"host":"api-canary"},"weight":30}]}])");
}

TEST(Objects, NothingIsWantedThatAnApiServerDoesNotKeep) {
  const Objects objects(with_service("{port: 80}", "{stepWeight: 10}"), weighted(30));
  for (const auto& [name, body] : objects.all) {
    for (const auto& item : body.at("metadata").as_object()) {
      EXPECT_FALSE(item.value().is_object() && item.value().as_object().empty()) << name << ' ' << item.key();
    }
  }
}

TEST(Objects, FluxIsKeptAwayFromWhatChangesByItself) {
  const Objects objects(with_service("{port: 80}", "{stepWeight: 10}"), weighted(30));
  for (const char* name :
       {"services/api", "services/api-primary", "virtualservices.networking.istio.io/api"}) {
    EXPECT_EQ(json::serialize(objects.all.at(name).at("metadata").at("annotations")),
              R"({"kustomize.toolkit.fluxcd.io/reconcile":"disabled",)"
              R"("helm.toolkit.fluxcd.io/driftDetection":"disabled"})");
  }
}

TEST(Objects, WhatFlaggerMakes) {
  const Objects objects(with_service("{port: 80, targetPort: http, appProtocol: http}", "{stepWeight: 10}"),
                        weighted(30));
  EXPECT_EQ(objects.all.size(), 6U);
  const json::object& primary = objects.all.at("services/api-primary");
  EXPECT_EQ(json::serialize(primary.at("spec").at("selector")), R"({"app":"api","version":"v1"})");
  EXPECT_EQ(json::serialize(objects.all.at("services/api-canary").at("spec").at("selector")),
            R"({"app":"api","version":"v2"})");
  EXPECT_EQ(json::serialize(objects.all.at("services/api").at("spec").at("selector")), R"({"app":"api"})");
  EXPECT_EQ(json::serialize(primary.at("spec").at("ports")),
            R"([{"name":"http","protocol":"TCP","port":80,"targetPort":"http","appProtocol":"http"}])");
  EXPECT_TRUE(owned_by(primary, "u-1"));
  EXPECT_FALSE(owned_by(primary, "u-2"));
  EXPECT_EQ(objects.http(), R"([{"route":[{"destination":{"host":"api-primary"},"weight":70},)"
                            R"({"destination":{"host":"api-canary"},"weight":30}]}])");
}

TEST(Objects, WhatTheServiceSaysIsPassedOn) {
  const Objects objects(
      with_service(
          "{name: web, port: 80, hosts: [web.example.com], timeout: 5s, retries: {attempts: 3}, "
          "match: [{uri: {prefix: /a}}], rewrite: {uri: /b, authority: c}, headers: {request: {set: {x: "
          "y}}}, "
          "trafficPolicy: {connectionPool: {http: {http1MaxPendingRequests: 7}}}, apex: {labels: {t: u}}, "
          "primary: {annotations: {n: m}}}",
          "{stepWeight: 10}"),
      weighted(0));
  const json::object& routes = objects.all.at("virtualservices.networking.istio.io/web");
  EXPECT_EQ(json::serialize(routes.at("spec").at("hosts")), R"(["web.example.com","web"])");
  const std::string http = json::serialize(routes.at("spec").at("http"));
  for (const char* part :
       {R"("match":[{"uri":{"prefix":"/a"}}])", R"("timeout":"5s")", R"("retries":{"attempts":3})",
        R"("rewrite":{"uri":"/b","authority":"c"})", R"("headers":{"request":{"set":{"x":"y"}}})"}) {
    EXPECT_NE(http.find(part), std::string::npos) << part << " in " << http;
  }
  const std::string rule =
      json::serialize(objects.all.at("destinationrules.networking.istio.io/web-canary").at("spec"));
  EXPECT_NE(rule.find("http1MaxPendingRequests"), std::string::npos);
  EXPECT_EQ(json::serialize(routes.at("metadata").at("labels")), R"({"t":"u","app":"web"})");
  EXPECT_EQ(json::serialize(objects.all.at("services/web-primary").at("metadata").at("annotations")),
            R"({"n":"m","kustomize.toolkit.fluxcd.io/reconcile":"disabled",)"
            R"("helm.toolkit.fluxcd.io/driftDetection":"disabled"})");
}

TEST(Objects, Mirror) {
  const Objects objects(with_service("{port: 80}", "{stepWeight: 10, mirror: true, mirrorWeight: 20}"),
                        weighted(0, true));
  EXPECT_NE(objects.http().find(R"("mirror":{"host":"api-canary"},"mirrorPercentage":{"value":20})"),
            std::string::npos)
      << objects.http();
}

TEST(Objects, AbTestingRoutesTheMatchesAndLeavesTheRest) {
  const Objects objects(with_service("{port: 80, match: [{uri: {prefix: /x}}]}",
                                     "{iterations: 2, match: [{headers: {user: {exact: a}}}, "
                                     "{sourceLabels: {team: b}}]}"),
                        weighted(100));
  EXPECT_EQ(
      objects.http(),
      R"([{"match":[{"uri":{"prefix":"/x"},"headers":{"user":{"exact":"a"}}},)"
      R"({"uri":{"prefix":"/x"},"sourceLabels":{"team":"b"}}],)"
      R"("route":[{"destination":{"host":"api-primary"},"weight":0},)"
      R"({"destination":{"host":"api-canary"},"weight":100}]},)"
      R"({"match":[{"uri":{"prefix":"/x"}}],"route":[{"destination":{"host":"api-primary"},"weight":100}]}])");
}

const char* const kAffinity =
    "{stepWeight: 10, interval: 30s, sessionAffinity: {cookieName: cc, primaryCookieName: pp, maxAge: 60, "
    "path: /, secure: true, httpOnly: true, sameSite: Lax, domain: example.com, partitioned: true}}";

TEST(Objects, SessionAffinitySetsCookiesAndFollowsThem) {
  Status status = weighted(10);
  status.cookie = "cc=abc";
  status.primary_cookie = "pp=xyz";
  const Objects objects(with_service("{port: 80}", kAffinity), status);
  const std::string http = objects.http();
  for (
      const char* part :
      {R"("match":[{"headers":{"cookie":{"regex":".*cc.*abc.*"}}}],"route":[{"destination":{"host":"api-primary"},"weight":0},{"destination":{"host":"api-canary"},"weight":100}])",
       R"("match":[{"headers":{"cookie":{"regex":".*pp.*xyz.*"}}}],"route":[{"destination":{"host":"api-primary"},"weight":100})",
       R"("Set-Cookie":"cc=abc; Max-Age=60; Domain=example.com; HttpOnly; Partitioned; Path=/; SameSite=Lax; Secure")",
       R"("Set-Cookie":"pp=xyz; Max-Age=30; )"}) {
    EXPECT_NE(http.find(part), std::string::npos) << part << " in " << http;
  }
}

TEST(Objects, SessionAffinityTakesTheOldCookieAway) {
  Status status = weighted(0);
  status.previous_cookie = "cc=old";
  const Objects objects(with_service("{port: 80, headers: {response: {set: {a: b}}}}", kAffinity), status);
  const std::string http = objects.http();
  EXPECT_NE(http.find(R"(".*cc.*old.*")"), std::string::npos) << http;
  EXPECT_NE(http.find(R"("response":{"set":{"a":"b"},"add":{"Set-Cookie":"cc=old; Max-Age=-1"}})"),
            std::string::npos)
      << http;
  const Objects fresh(with_service("{port: 80}", kAffinity), weighted(0));
  EXPECT_EQ(fresh.http().find("cookie"), std::string::npos);
}

}  // namespace
}  // namespace remora::rollout::test
