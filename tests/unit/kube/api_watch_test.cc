#include "kube/api_fixture.h"

namespace remora::kube {
namespace {

TEST_F(ApiTest, WatchesFromAVersion) {
  add("a");
  const std::string version = at(get(kServices), "/metadata/resourceVersion");
  add("b");
  const auto watch = get(std::string(kServices) + "?watch=1&resourceVersion=" + version);
  EXPECT_EQ(watch->told(), "ADDED b");
  patch(in(kServices, "a"), R"({"metadata": {"labels": {"x": "y"}}})");
  ask(Verb::delete_, in(kServices, "b"));
  ask(Verb::post, kRules, rule("other-kind"));
  ask(Verb::post, "/api/v1/namespaces/shop/services", service("other-namespace"));
  EXPECT_EQ(watch->told(), "ADDED b, MODIFIED a, DELETED b");
  EXPECT_TRUE(watch->open);
}

TEST_F(ApiTest, AWatchWithoutAVersionBeginsWithWhatIsThere) {
  add("a");
  const auto watch = get(std::string(kServices) + "?watch=true");
  EXPECT_EQ(watch->told(), "ADDED a");
  const auto one =
      get(std::string(kServices) + "?watch=true&fieldSelector=metadata.name%3Db&resourceVersion=0");
  add("b");
  EXPECT_EQ(one->told(), "ADDED b");
  EXPECT_EQ(watch->told(), "ADDED a, ADDED b");
}

TEST_F(ApiTest, AWatchListEndsItsFirstPartWithABookmark) {
  add("a");
  const std::string query =
      "?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  const auto watch = get(kServices + query);
  EXPECT_EQ(watch->told(), "ADDED a, BOOKMARK");
  const json::object bookmark = watch->events()[1].at("object").as_object();
  EXPECT_EQ(bookmark.at("metadata").at("annotations").at("k8s.io/initial-events-end"), "true");
  EXPECT_EQ(bookmark.at("metadata").at("resourceVersion").as_string(),
            at(get(kServices), "/metadata/resourceVersion"));
  add("b");
  EXPECT_EQ(watch->told(), "ADDED a, BOOKMARK, ADDED b");
  EXPECT_EQ(refusal(get(std::string(kServices) + "?watch=1&sendInitialEvents=true")), "422 Invalid");
}

TEST_F(ApiTest, AWatchTellsWhatComesIntoItsSelectionAndLeavesIt) {
  add("a", R"({"app": "x"})");
  add("b");
  const std::string version = at(get(kServices), "/metadata/resourceVersion");
  const auto watch =
      get(std::string(kServices) + "?watch=1&labelSelector=app%3Dx&resourceVersion=" + version);
  patch(in(kServices, "b"), R"({"metadata": {"labels": {"app": "x"}}})");
  patch(in(kServices, "b"), R"({"metadata": {"labels": {"more": "x"}}})");
  patch(in(kServices, "a"), R"({"metadata": {"labels": {"app": "y"}}})");
  patch(in(kServices, "a"), R"({"metadata": {"labels": {"app": "z"}}})");
  ask(Verb::delete_, in(kServices, "a"));
  ask(Verb::delete_, in(kServices, "b"));
  EXPECT_EQ(watch->told(), "ADDED b, MODIFIED b, DELETED a, DELETED b");
}

TEST_F(ApiTest, AWatchOfTooOldAVersionSaysSoAndEnds) {
  add("a");
  for (const char* version : {"99999999999999999", "1"}) {
    store::MemoryStore restarted;
    restarted.restore(*store_.get({"services", "default", "a"}));
    ApiServer api(context_, restarted, "test");
    auto watch = std::make_shared<Answers>();
    api.handle({Verb::get, std::string(kServices) + "?watch=1&resourceVersion=" + version, {}, {}}, watch);
    ASSERT_EQ(watch->events().size(), 1u) << version;
    EXPECT_EQ(watch->events()[0].at("type"), "ERROR");
    EXPECT_EQ(watch->events()[0].at("object").at("code"), 410);
    EXPECT_FALSE(watch->open);
  }
}

TEST_F(ApiTest, AWatchInTablesTellsTheColumnsOnce) {
  add("a");
  const auto watch = get(std::string(kServices) + "?watch=1", {{"Accept", kTable}});
  add("b");
  ASSERT_EQ(watch->events().size(), 2u);
  EXPECT_TRUE(watch->events()[0].at("object").at("columnDefinitions").is_array());
  EXPECT_TRUE(watch->events()[1].at("object").at("columnDefinitions").is_null());
  EXPECT_EQ(watch->events()[1].at("object").at("rows").at(0).at("cells").at(0), "b");
}

TEST_F(ApiTest, AWatchEndsWithItsClientAndWithItsTime) {
  const auto watch = get(std::string(kServices) + "?watch=1");
  watch->gone();
  watch->open = true;  // so that anything more would be seen
  add("a");
  EXPECT_EQ(watch->told(), "");
  const auto timed = get(std::string(kServices) + "?watch=1&timeoutSeconds=1");
  context_.run_for(std::chrono::seconds(3));
  EXPECT_FALSE(timed->open);
}

}  // namespace
}  // namespace remora::kube
