#include "kube/api_fixture.h"

#include <set>

#include "store/kinds.h"

namespace remora::kube {
namespace {

TEST_F(ApiTest, NamespacesExistWithWhatIsInThem) {
  constexpr const char* kNamespaces = "/api/v1/namespaces";
  EXPECT_EQ(names(get(kNamespaces)), "default");
  ask(Verb::post, "/api/v1/namespaces/shop/services", service("c"));
  EXPECT_EQ(names(get(kNamespaces)), "default,shop");
  EXPECT_EQ(at(get("/api/v1/namespaces/shop"), "/status/phase"), "Active");
  EXPECT_EQ(refusal(get("/api/v1/namespaces/none")), "404 NotFound");
  const auto labelled = patch("/api/v1/namespaces/shop", R"({"metadata": {"labels": {"a": "b"}}})");
  EXPECT_EQ(labelled->response.status, 200u) << labelled->response.body;
  EXPECT_EQ(at(get("/api/v1/namespaces/shop"), "/metadata/labels/a"), "b");
  EXPECT_EQ(names(get(kNamespaces)), "default,shop");
  EXPECT_EQ(at(ask(Verb::delete_, "/api/v1/namespaces/shop"), "/status"), "Success");
  EXPECT_EQ(names(get(kNamespaces)), "default");
  EXPECT_EQ(names(get("/api/v1/services")), "");
  EXPECT_EQ(refusal(ask(Verb::delete_, "/api/v1/namespaces/default")), "403 Forbidden");
}

TEST_F(ApiTest, DiscoveryNamesEveryKindInBothForms) {
  const Headers aggregated{
      {"Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"}};
  std::set<std::string> one_by_one, at_once;
  const json::object groups = body(get("/apis"));
  std::vector<std::string> paths{"/api/v1"};
  for (const json::value& group : groups.at("groups").as_array()) {
    for (const json::value& version : group.at("versions").as_array()) {
      paths.push_back("/apis/" + std::string(version.at("groupVersion").as_string()));
    }
  }
  for (const std::string& path : paths) {
    const json::object list = body(get(path));
    for (const json::value& resource : list.at("resources").as_array()) {
      one_by_one.insert(path + ' ' + std::string(resource.at("name").as_string()));
    }
  }
  for (const char* root : {"/api", "/apis"}) {
    const json::object all = body(get(root, aggregated));
    for (const json::value& group : all.at("items").as_array()) {
      const json::value* name = group.at("metadata").as_object().if_contains("name");
      const std::string prefix = name == nullptr ? "/api/" : "/apis/" + std::string(name->as_string()) + '/';
      for (const json::value& version : group.at("versions").as_array()) {
        for (const json::value& resource : version.at("resources").as_array()) {
          const std::string path = prefix + std::string(version.at("version").as_string());
          const std::string plural(resource.at("resource").as_string());
          at_once.insert(path + ' ' + plural);
          if (resource.as_object().contains("subresources")) at_once.insert(path + ' ' + plural + "/status");
        }
      }
    }
  }
  EXPECT_EQ(one_by_one, at_once);
  for (const store::Kind& kind : store::kinds()) {
    for (const std::string_view version : kind.versions) {
      const std::string path = kind.group.empty() ? "/api/" : "/apis/" + std::string(kind.group) + '/';
      EXPECT_TRUE(at_once.contains(path + std::string(version) + ' ' + std::string(kind.plural)))
          << kind.plural;
    }
  }
}

TEST_F(ApiTest, AnswersProbesAndUnknownPaths) {
  EXPECT_EQ(get("/readyz")->response.body, "ok");
  EXPECT_EQ(at(get("/version"), "/major"), "1");
  EXPECT_EQ(refusal(get("/nothing/here")), "404 NotFound");
  EXPECT_EQ(refusal(get("/api/v1/pods")), "404 NotFound");
  EXPECT_EQ(refusal(ask(Verb::post, "/apis")), "405 MethodNotAllowed");
  EXPECT_EQ(refusal(ask(Verb::put, kServices)), "405 MethodNotAllowed");
  EXPECT_EQ(refusal(ask(Verb::post, in(kServices, "web"))), "405 MethodNotAllowed");
}

}  // namespace
}  // namespace remora::kube
