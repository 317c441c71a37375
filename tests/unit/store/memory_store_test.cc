#include "store/memory_store.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "store/metadata.h"

namespace remora::store {
namespace {

namespace json = boost::json;
using Reason = WriteError::Reason;

const ObjectKey kApi{"virtualservices.networking.istio.io", "default", "api"};

json::object virtual_service(int weight) {
  return {{"apiVersion", "networking.istio.io/v1"},
          {"kind", "VirtualService"},
          {"metadata", json::object{{"name", "api"}}},
          {"spec", json::object{{"weight", weight}}}};
}

/// A keeper that can be told to refuse.
class FakeKeeper : public Keeper {
 public:
  Result<void> save(const Object& object) override {
    if (refuses) return Error{"disk full"};
    kept[object.key] = object;
    return {};
  }
  Result<void> erase(const Object& object) override {
    if (refuses) return Error{"disk full"};
    kept.erase(object.key);
    return {};
  }

  bool refuses = false;
  std::map<ObjectKey, Object> kept;
};

class MemoryStoreTest : public testing::Test {
 protected:
  WriteResult create(json::object body) {
    WriteResult result;
    store_.create(kApi, std::move(body), [&](WriteResult r) { result = std::move(r); });
    return result;
  }
  WriteResult update(json::object body, Precondition precondition = {}) {
    WriteResult result;
    store_.update(kApi, std::move(body), std::move(precondition),
                  [&](WriteResult r) { result = std::move(r); });
    return result;
  }
  WriteResult update_status(json::object body) {
    WriteResult result;
    store_.update_status(kApi, std::move(body), {}, [&](WriteResult r) { result = std::move(r); });
    return result;
  }
  WriteResult remove(const ObjectKey& key, Precondition precondition = {}) {
    WriteResult result;
    store_.remove(key, std::move(precondition), [&](WriteResult r) { result = std::move(r); });
    return result;
  }

  static ObjectPtr good(const WriteResult& result) {
    const auto* error = std::get_if<WriteError>(&result);
    EXPECT_EQ(error, nullptr) << (error != nullptr ? error->message : "");
    return error == nullptr ? std::get<ObjectPtr>(result) : nullptr;
  }
  static Reason reason(const WriteResult& result) {
    EXPECT_TRUE(std::holds_alternative<WriteError>(result));
    return std::get<WriteError>(result).reason;
  }

  ObjectStore::Watch watch(uint64_t from) {
    return store_.watch("", from, [this](const Event& event) { events_.push_back(event); });
  }

  FakeKeeper keeper_;
  MemoryStore store_{&keeper_};
  std::vector<Event> events_;
};

TEST_F(MemoryStoreTest, ACreatedObjectGetsItsMetadata) {
  const ObjectPtr object = good(create(virtual_service(1)));
  EXPECT_EQ(metadata_text(object->body, "uid").size(), 36U);
  EXPECT_EQ(metadata_text(object->body, "namespace"), "default");
  EXPECT_EQ(metadata_text(object->body, "resourceVersion"), std::to_string(object->version));
  EXPECT_EQ(generation_of(object->body), 1);
  EXPECT_EQ(store_.version(), object->version);
  EXPECT_EQ(keeper_.kept.at(kApi).body, object->body);
  EXPECT_EQ(reason(create(virtual_service(2))), Reason::kAlreadyExists);
}

TEST_F(MemoryStoreTest, TheWriterDoesNotDecideAboutTheStoresMetadata) {
  const ObjectPtr first = good(create(virtual_service(1)));
  json::object body = virtual_service(2);
  body["metadata"] = {{"name", "other"}, {"uid", "mine"}, {"generation", 99}, {"resourceVersion", "7"}};
  const ObjectPtr second = good(update(body));
  EXPECT_EQ(metadata_text(second->body, "uid"), metadata_text(first->body, "uid"));
  EXPECT_EQ(metadata_text(second->body, "name"), "api");
  EXPECT_EQ(generation_of(second->body), 2);
  EXPECT_GT(second->version, first->version);
}

TEST_F(MemoryStoreTest, OnlyWhatIsNotMetadataOrStatusMakesAGeneration) {
  good(create(virtual_service(1)));
  json::object labelled = virtual_service(1);
  labelled["metadata"].get_object()["labels"] = {{"a", "b"}};
  EXPECT_EQ(generation_of(good(update(labelled))->body), 1);
  json::object status = virtual_service(77);
  status["status"] = {{"phase", "good"}};
  const ObjectPtr object = good(update_status(status));
  EXPECT_EQ(generation_of(object->body), 1);
  EXPECT_EQ(object->body.at("spec").at("weight"), 1) << "a status write must not touch the spec";
  EXPECT_EQ(object->body.at("status").at("phase"), "good");
  EXPECT_EQ(generation_of(good(update(virtual_service(2)))->body), 2);
}

TEST_F(MemoryStoreTest, WritingTheSameAgainChangesNothing) {
  const ObjectPtr first = good(create(virtual_service(1)));
  const auto handle = watch(store_.version());
  EXPECT_EQ(good(update(virtual_service(1)))->version, first->version);
  EXPECT_TRUE(events_.empty());
}

TEST_F(MemoryStoreTest, AStaleWriterIsTold) {
  const ObjectPtr first = good(create(virtual_service(1)));
  good(update(virtual_service(2), {first->version, ""}));
  EXPECT_EQ(reason(update(virtual_service(3), {first->version, ""})), Reason::kConflict);
  EXPECT_EQ(reason(remove(kApi, {first->version, ""})), Reason::kConflict);
  EXPECT_EQ(reason(remove(kApi, {{}, "another"})), Reason::kConflict);
  good(remove(kApi));
  EXPECT_EQ(reason(update(virtual_service(1))), Reason::kNotFound);
  EXPECT_EQ(reason(remove(kApi)), Reason::kNotFound);
  EXPECT_TRUE(keeper_.kept.empty());
}

TEST_F(MemoryStoreTest, NamesThatCouldLeaveTheFolderAreRefused) {
  const auto create_as = [&](ObjectKey key) {
    WriteResult result;
    store_.create(std::move(key), virtual_service(1), [&](WriteResult r) { result = std::move(r); });
    return result;
  };
  for (const char* name : {"", "..", "../x", "a/b", "A", "-a", "a.", "a\nb", "a b"}) {
    EXPECT_EQ(reason(create_as({kApi.type, "default", name})), Reason::kInvalid) << name;
    EXPECT_EQ(reason(create_as({kApi.type, name, "api"})), Reason::kInvalid) << name;
  }
  EXPECT_EQ(reason(create_as({"pods", "default", "api"})), Reason::kInvalid);
  EXPECT_EQ(reason(create_as({kApi.type, "default", std::string(254, 'a')})), Reason::kInvalid);
}

TEST_F(MemoryStoreTest, WhatCannotBeKeptHasNotHappened) {
  const ObjectPtr first = good(create(virtual_service(1)));
  const auto handle = watch(store_.version());
  keeper_.refuses = true;
  EXPECT_EQ(reason(update(virtual_service(2))), Reason::kStorage);
  EXPECT_EQ(reason(remove(kApi)), Reason::kStorage);
  EXPECT_EQ(store_.get(kApi), first);
  EXPECT_EQ(store_.version(), first->version);
  EXPECT_TRUE(events_.empty());
}

TEST_F(MemoryStoreTest, AWatchTellsWhatHasHappenedSinceAndWhatHappens) {
  const ObjectPtr first = good(create(virtual_service(1)));
  good(update(virtual_service(2)));
  const auto handle = watch(first->version);
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].type, EventType::kModified);
  good(remove(kApi));
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[1].type, EventType::kDeleted);
  EXPECT_EQ(events_[1].object->version, store_.version());
  EXPECT_EQ(events_[1].object->body.at("spec").at("weight"), 2) << "the last state";
}

TEST_F(MemoryStoreTest, AWatchEndsWithItsHandle) {
  auto handle = watch(store_.version());
  handle.reset();
  good(create(virtual_service(1)));
  EXPECT_TRUE(events_.empty());
}

TEST_F(MemoryStoreTest, WhatACallbackCausesIsToldAfterwardsAndOnce) {
  std::vector<uint64_t> seen;
  const auto writer = store_.watch("", store_.version(), [&](const Event& event) {
    if (event.type == EventType::kAdded) good(update(virtual_service(2)));
    seen.push_back(event.object->version);
  });
  const auto second = watch(store_.version());
  good(create(virtual_service(1)));
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[0].type, EventType::kAdded);
}

TEST_F(MemoryStoreTest, AWatchFromAForgottenVersionMustListAgain) {
  Object old{kApi, 1'000, virtual_service(1), {}};
  set_version(old, 1'000);
  store_.restore(old);
  EXPECT_EQ(watch(999), nullptr);
  EXPECT_NE(watch(1'000), nullptr);
  EXPECT_EQ(watch(1'001), nullptr) << "of a future that has not happened";
  good(update(virtual_service(0)));
  for (int i = 1; i < 9'000; ++i) good(update(virtual_service(i)));
  EXPECT_EQ(watch(1'000), nullptr);
  EXPECT_NE(watch(store_.version()), nullptr);
}

TEST_F(MemoryStoreTest, VersionsGrowOverARestartThatForgetsDeletions) {
  good(create(virtual_service(1)));
  good(remove(kApi));
  const uint64_t last = store_.version();
  MemoryStore again(&keeper_);
  ObjectPtr created;
  again.create(kApi, virtual_service(1), [&](WriteResult r) { created = good(r); });
  EXPECT_GT(created->version, last);
}

TEST_F(MemoryStoreTest, ManifestsAreShownAndCannotBeChangedButForTheirStatus) {
  store_.set_manifests({{kApi, virtual_service(1), "mesh.yaml"}});
  const ObjectPtr shown = store_.get(kApi);
  ASSERT_NE(shown, nullptr);
  EXPECT_EQ(shown->file, "mesh.yaml");
  EXPECT_TRUE(keeper_.kept.empty()) << "there is nothing to keep about it yet";
  EXPECT_EQ(reason(update(virtual_service(2))), Reason::kReadOnly);
  EXPECT_EQ(reason(remove(kApi)), Reason::kReadOnly);
  json::object status = virtual_service(5);
  status["status"] = {{"phase", "good"}};
  EXPECT_EQ(good(update_status(status))->file, "mesh.yaml");
  EXPECT_EQ(keeper_.kept.size(), 1U);
  store_.set_manifests({{kApi, virtual_service(2), "mesh.yaml"}});
  const ObjectPtr changed = store_.get(kApi);
  EXPECT_EQ(generation_of(changed->body), 2);
  EXPECT_EQ(changed->body.at("status").at("phase"), "good") << "the file does not know it";
  EXPECT_EQ(metadata_text(changed->body, "uid"), metadata_text(shown->body, "uid"));
  store_.set_manifests({});
  EXPECT_EQ(store_.get(kApi), nullptr);
  EXPECT_TRUE(keeper_.kept.empty());
}

TEST_F(MemoryStoreTest, AManifestKeepsItsStatusOverARestart) {
  store_.set_manifests({{kApi, virtual_service(1), "mesh.yaml"}});
  json::object status = virtual_service(1);
  status["status"] = {{"phase", "good"}};
  const ObjectPtr before = good(update_status(status));
  MemoryStore again;
  again.restore(keeper_.kept.at(kApi));
  EXPECT_EQ(again.get(kApi), nullptr) << "the file may be gone";
  again.set_manifests({{kApi, virtual_service(1), "mesh.yaml"}});
  const ObjectPtr after = again.get(kApi);
  EXPECT_EQ(after->body.at("status"), before->body.at("status"));
  EXPECT_EQ(metadata_text(after->body, "uid"), metadata_text(before->body, "uid"));
}

TEST_F(MemoryStoreTest, WhatTheStoreHasAManifestCannotTake) {
  good(create(virtual_service(1)));
  const auto refused = store_.set_manifests({{kApi, virtual_service(2), "mesh.yaml"}});
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].file, "mesh.yaml");
  EXPECT_EQ(store_.get(kApi)->body.at("spec").at("weight"), 1);
}

}  // namespace
}  // namespace remora::store
