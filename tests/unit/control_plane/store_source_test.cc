#include "control_plane/store_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>

#include "control_plane/mesh.h"
#include "control_plane/status_writer.h"
#include "unit/support/run_until.h"

namespace remora::xds {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr const char* kService =
    R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"api"},)"
    R"("spec":{"selector":{"app":"api"},"ports":[{"name":"http","port":8080}]}})";

std::string virtual_service(const std::string& host) {
  return R"({"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"api"},)"
         R"("spec":{"hosts":["api"],"http":[{"route":[{"destination":{"host":")" +
         host + R"("}}]}]}})";
}

const store::ObjectKey kServiceKey{"services", "default", "api"};
const store::ObjectKey kRouteKey{"virtualservices.networking.istio.io", "default", "api"};

class StoreSourceTest : public testing::Test {
 protected:
  StoreSourceTest() {
    std::string name = (fs::temp_directory_path() / "remora-source-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~StoreSourceTest() override { fs::remove_all(folder_); }

  void start() {
    manifests_ = std::make_unique<DirectorySource>(context_, std::vector<std::string>{folder_});
    source_ = std::make_unique<StoreSource>(context_, *manifests_, store_, &store_,
                                            [](const store::ObjectKey& key) { return "store/" + key.name; });
    source_->watch([this] { ++changes_; });
  }
  void put(const store::ObjectKey& key, const std::string& text) {
    json::object body = json::parse(text).as_object();
    const auto done = [](const store::WriteResult& result) {
      ASSERT_TRUE(std::holds_alternative<store::ObjectPtr>(result));
    };
    if (store_.get(key) == nullptr) {
      store_.create(key, std::move(body), done);
    } else {
      store_.update(key, std::move(body), {}, done);
    }
  }
  /// Until the source has told of so many changes.
  bool run_until_changes(int count) {
    run_until(context_, [&] { return changes_ >= count; });
    return changes_ == count;
  }
  void write_file(const std::string& text) const { std::ofstream(folder_ + "/mesh.json") << text; }
  std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    for (const auto& resource : source_->list().resources) ids.push_back(resource->id());
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  boost::asio::io_context context_;
  std::string folder_;
  store::MemoryStore store_;
  std::unique_ptr<DirectorySource> manifests_;
  std::unique_ptr<StoreSource> source_;
  int changes_ = 0;
};

TEST_F(StoreSourceTest, JoinsFilesAndStore) {
  write_file(kService);
  start();
  put(kRouteKey, virtual_service("api"));
  EXPECT_EQ(ids(), (std::vector<std::string>{"Service default/api", "VirtualService default/api"}));
  EXPECT_EQ(store_.get(kServiceKey)->file, folder_ + "/mesh.json") << "users of the API see it";
}

TEST_F(StoreSourceTest, WritesOfOneMomentAreOneChange) {
  start();
  put(kServiceKey, kService);
  put(kRouteKey, virtual_service("api"));
  EXPECT_EQ(changes_, 0);
  EXPECT_TRUE(run_until_changes(1));
}

TEST_F(StoreSourceTest, AStatusChangesNothing) {
  start();
  put(kServiceKey, kService);
  ASSERT_TRUE(run_until_changes(1));
  const uint64_t version = source_->list().version;
  json::object body = json::parse(kService).as_object();
  body["status"] = {{"note", "x"}};
  store_.update_status(kServiceKey, body, {}, [](const store::WriteResult&) {});
  EXPECT_EQ(source_->list().version, version);
}

TEST_F(StoreSourceTest, WhatIsHeldIsShownUntilTheStoreHasAnother) {
  start();
  put(kRouteKey, virtual_service("one"));
  const auto routed_to = [&](const std::string& host) {
    const auto resources = source_->list().resources;
    return !resources.empty() && resources.front()->json.find(host) != std::string::npos;
  };
  store::Object shown = *store_.get(kRouteKey);
  shown.body = json::parse(virtual_service("two")).as_object();
  source_->hold(shown);
  EXPECT_TRUE(routed_to("\"two\"")) << "held";
  json::object with_status = store_.get(kRouteKey)->body;
  with_status["status"] = {{"seen", true}};
  store_.update_status(kRouteKey, with_status, {}, [](const store::WriteResult&) {});
  EXPECT_TRUE(routed_to("\"two\"")) << "a status is no other object";
  put(kRouteKey, virtual_service("three"));
  EXPECT_TRUE(routed_to("\"three\"")) << "the store has the last word";
}

TEST_F(StoreSourceTest, HowManyPodsADeploymentHasMeansNothingToTheMesh) {
  const store::ObjectKey key{"deployments.apps", "default", "api"};
  const auto deployment = [](int replicas, const char* version) {
    return R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"api"},"spec":{"replicas":)" +
           std::to_string(replicas) + R"(,"selector":{},"template":{"metadata":{"labels":{"version":")" +
           version + R"("}},"spec":{"containers":[{"name":"app"}]}}}})";
  };
  start();
  put(key, deployment(1, "v1"));
  const uint64_t version = source_->list().version;
  put(key, deployment(5, "v1"));
  EXPECT_EQ(source_->list().version, version);
  put(key, deployment(5, "v2"));
  EXPECT_NE(source_->list().version, version);
}

TEST_F(StoreSourceTest, AnObjectWithAnErrorLeavesWhatItWasBefore) {
  start();
  put(kRouteKey, virtual_service("api"));
  const auto before = source_->list().resources.at(0);
  put(kRouteKey,
      R"({"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"api"},)"
      R"("spec":{"hosts":["api"],"http":[{"rout":[]}]}})");
  const ResourceList list = source_->list();
  ASSERT_EQ(list.resources.size(), 1U);
  EXPECT_EQ(list.resources[0], before);
  const auto named = std::find_if(list.findings.begin(), list.findings.end(),
                                  [](const auto& finding) { return finding.path == "spec.http[0].rout"; });
  ASSERT_NE(named, list.findings.end());
  EXPECT_EQ(named->file, "store/api");
}

TEST_F(StoreSourceTest, AFilesCopyIsRefusedUntilTheStoresIsGone) {
  write_file(kService);
  store_.create(kServiceKey, json::parse(kService).as_object(), [](const store::WriteResult&) {});
  start();
  ResourceList list = source_->list();
  ASSERT_EQ(list.resources.size(), 1U);
  EXPECT_EQ(list.resources[0]->file, "store/api");
  const auto refused = std::find_if(list.findings.begin(), list.findings.end(), [](const auto& finding) {
    return finding.message.find("is in the store already") != std::string::npos;
  });
  ASSERT_NE(refused, list.findings.end());
  EXPECT_EQ(refused->file, folder_ + "/mesh.json");
  store_.remove(kServiceKey, {}, [](const store::WriteResult&) {});
  list = source_->list();
  ASSERT_EQ(list.resources.size(), 1U);
  EXPECT_EQ(list.resources[0]->file, folder_ + "/mesh.json");
}

TEST_F(StoreSourceTest, TheStatusTellsWhatIsWrongAndThatItIsMended) {
  start();
  put(kRouteKey, virtual_service("api"));
  istio::Inventory inventory;
  Mesh mesh(*source_, inventory);
  StatusWriter statuses(store_, [] { return true; });
  std::vector<std::string> told;
  statuses.tell(
      [&](const store::Object& about, bool warning, const std::string& reason, const std::string& text) {
        told.push_back(about.key.text() + (warning ? " W " : " N ") + reason + ": " + text);
      });
  mesh.on_change([&] { statuses.update(mesh.findings()); });
  statuses.update(mesh.findings());
  const json::value bad = store_.get(kRouteKey)->body.at("status");
  EXPECT_EQ(bad.at_pointer("/conditions/0/type"), "Reconciled");
  EXPECT_EQ(bad.at_pointer("/conditions/0/status"), "False");
  const std::string message(bad.at_pointer("/conditions/0/message").as_string());
  EXPECT_NE(message.find("spec.http[0].route[0].destination.host"), std::string::npos) << message;
  EXPECT_EQ(bad.at_pointer("/observedGeneration"), 1);
  const uint64_t version = store_.version();
  statuses.update(mesh.findings());
  EXPECT_EQ(store_.version(), version) << "nothing new to say";
  EXPECT_EQ(told, std::vector<std::string>{kRouteKey.text() + " W NotInEffect: " + message});
  put(kServiceKey, kService);
  // The mesh follows the source instead of the test.
  const auto mended = [&] {
    return store_.get(kRouteKey)->body.at("status").at_pointer("/conditions/0/status") == "True";
  };
  run_until(context_, mended);
  const json::value good = store_.get(kRouteKey)->body.at("status");
  EXPECT_EQ(good.at_pointer("/conditions/0/status"), "True");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1], kRouteKey.text() + " N InEffect: is in effect");
}

/// A store whose server is away.
class Unreachable final : public store::MemoryStore {
 public:
  void update_status(const store::ObjectKey& key, json::object body, store::Precondition precondition,
                     store::Written done) override {
    ++tries;
    if (away)
      return done(store::WriteError{store::WriteError::Reason::kStorage, key.text() + ": nobody listens"});
    MemoryStore::update_status(key, std::move(body), std::move(precondition), std::move(done));
  }
  bool away = true;
  int tries = 0;
};

TEST(StatusWriterTest, WhatCouldNotBeWrittenIsWrittenLater) {
  Unreachable store;
  store.create(kRouteKey, json::parse(virtual_service("nowhere")).as_object(),
               [](const store::WriteResult&) {});
  bool leads = true;
  StatusWriter statuses(store, [&] { return leads; });
  statuses.update({{istio::Severity::kError, "f", 0, "VirtualService default/api", "spec.x", "is wrong"}});
  EXPECT_EQ(store.tries, 1);
  statuses.retry();
  EXPECT_EQ(store.tries, 2);
  store.away = false;
  leads = false;
  statuses.retry();
  EXPECT_EQ(store.tries, 2) << "another one writes now";
  leads = true;
  statuses.retry();
  EXPECT_EQ(store.get(kRouteKey)->body.at("status").at_pointer("/conditions/0/message"), "spec.x: is wrong");
  statuses.retry();
  EXPECT_EQ(store.tries, 3) << "nothing is left";
}

TEST_F(StoreSourceTest, WhatWasNeverWrongHasNoStatus) {
  start();
  put(kServiceKey, kService);
  istio::Inventory inventory;
  Mesh mesh(*source_, inventory);
  StatusWriter statuses(store_, [] { return true; });
  statuses.update(mesh.findings());
  EXPECT_EQ(store_.get(kServiceKey)->body.if_contains("status"), nullptr);
}

TEST_F(StoreSourceTest, InAClusterServicesKeepTheStatusOfTheirControllers) {
  start();
  put(kRouteKey, virtual_service("api"));
  put(kServiceKey,
      R"({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "api", "namespace": "default"},
                       "spec": {"type": "ExternalName", "externalName": "elsewhere"}})");
  istio::Inventory inventory;
  Mesh mesh(*source_, inventory);
  StatusWriter(
      store_, [] { return true; }, StatusWriter::Scope::kMeshKinds)
      .update(mesh.findings());
  EXPECT_EQ(store_.get(kServiceKey)->body.if_contains("status"), nullptr);
  EXPECT_NE(store_.get(kRouteKey)->body.if_contains("status"), nullptr);
  StatusWriter(store_, [] { return true; }).update(mesh.findings());
  EXPECT_NE(store_.get(kServiceKey)->body.if_contains("status"), nullptr)
      << "there is something to say of it";
}

}  // namespace
}  // namespace remora::xds
