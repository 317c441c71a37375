#include "kube/api_fixture.h"

namespace remora::kube {
namespace {

TEST_F(ApiTest, ListsInPages) {
  for (const char* name : {"a", "b", "c", "d", "e"}) add(name);
  const auto first = get(std::string(kServices) + "?limit=2");
  EXPECT_EQ(names(first), "a,b");
  EXPECT_EQ(at(first, "/metadata/remainingItemCount"), "3");
  const std::string version = at(first, "/metadata/resourceVersion");
  add("f");
  std::string token;
  for (const char c : at(first, "/metadata/continue")) {
    char escaped[4];
    std::snprintf(escaped, sizeof(escaped), "%%%02x", static_cast<unsigned char>(c));
    token += escaped;
  }
  const auto rest = get(std::string(kServices) + "?continue=" + token);
  EXPECT_EQ(names(rest), "c,d,e,f");
  EXPECT_EQ(at(rest, "/metadata/continue"), "nothing");
  EXPECT_EQ(at(rest, "/metadata/resourceVersion"), version)
      << "a watch from here must see what came in between";
  EXPECT_EQ(refusal(get(std::string(kServices) + "?continue=x")), "400 BadRequest");
  EXPECT_EQ(refusal(get(std::string(kServices) + "?limit=x")), "400 BadRequest");
}

TEST_F(ApiTest, ListsSelectAndSpanNamespaces) {
  add("a", R"({"app": "x"})");
  add("b");
  ask(Verb::post, "/api/v1/namespaces/shop/services", service("c"));
  EXPECT_EQ(names(get("/api/v1/services")), "a,b,c");
  EXPECT_EQ(names(get("/api/v1/services?labelSelector=app")), "a");
  EXPECT_EQ(names(get("/api/v1/services?fieldSelector=metadata.namespace%3Dshop")), "c");
  EXPECT_EQ(refusal(get("/api/v1/services?fieldSelector=spec.type%3Dx")), "400 BadRequest");
}

TEST_F(ApiTest, ThePresentIsTheOnlyVersionThereIs) {
  add("a");
  const std::string old = at(get(kServices), "/metadata/resourceVersion");
  add("b");
  const std::string now = at(get(kServices), "/metadata/resourceVersion");
  const auto list = [&](const std::string& query) { return get(std::string(kServices) + '?' + query); };
  EXPECT_EQ(names(list("resourceVersion=0")), "a,b");
  EXPECT_EQ(names(list("resourceVersion=" + old + "&resourceVersionMatch=NotOlderThan")), "a,b");
  EXPECT_EQ(names(list("resourceVersion=" + now + "&resourceVersionMatch=Exact")), "a,b");
  EXPECT_EQ(refusal(list("resourceVersion=" + old + "&resourceVersionMatch=Exact")), "410 Expired");
  EXPECT_EQ(refusal(list("resourceVersion=99999999999999999")), "504 Timeout");
  EXPECT_EQ(refusal(list("resourceVersionMatch=Exact")), "422 Invalid");
  EXPECT_EQ(refusal(list("resourceVersion=x")), "422 Invalid");
}

TEST_F(ApiTest, ShowsTablesAndMetadata) {
  add("a");
  const auto table = get(kServices, {{"Accept", kTable}});
  EXPECT_EQ(at(table, "/kind"), "Table");
  EXPECT_EQ(at(table, "/columnDefinitions/0/name"), "Name");
  EXPECT_EQ(at(table, "/rows/0/cells/4"), "80/TCP");
  EXPECT_EQ(at(table, "/rows/0/object/kind"), "PartialObjectMetadata");
  EXPECT_EQ(
      at(get(std::string(kServices) + "?includeObject=Object", {{"Accept", kTable}}), "/rows/0/object/kind"),
      "Service");
  EXPECT_EQ(at(get(std::string(kServices) + "?includeObject=None", {{"Accept", kTable}}), "/rows/0/object"),
            "nothing");
  const auto partial =
      get(kServices, {{"Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}});
  EXPECT_EQ(at(partial, "/kind"), "PartialObjectMetadataList");
  EXPECT_EQ(at(partial, "/items/0/spec"), "nothing");
  EXPECT_EQ(refusal(get(kServices, {{"Accept", "text/html"}})), "406 NotAcceptable");
}

}  // namespace
}  // namespace remora::kube
