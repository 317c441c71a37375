// What is known: what the server has told, and what we have written ourselves.
#include "kubernetes/object_cache.h"

#include <gtest/gtest.h>

namespace remora::kubernetes {
namespace {

store::ObjectPtr object(const std::string& name, uint64_t version, const std::string& uid = "u") {
  store::Object made{{"services", "shop", name}, version, {}, {}};
  made.body = {{"metadata", {{"name", name}, {"uid", uid}, {"resourceVersion", std::to_string(version)}}}};
  return std::make_shared<const store::Object>(std::move(made));
}

const store::ObjectKey kA{"services", "shop", "a"};

class ObjectCacheTest : public testing::Test {
 protected:
  ObjectCacheTest() {
    watch_ = cache_.watch("services", cache_.version(), [this](const store::Event& event) {
      static const char* const kWords[] = {"+", "~", "-"};
      told_ += kWords[static_cast<int>(event.type)] + event.object->key.name +
               std::to_string(event.object->version) + ' ';
    });
  }
  std::string told() { return std::exchange(told_, {}); }
  uint64_t version_of_a() const { return cache_.get(kA) == nullptr ? 0 : cache_.get(kA)->version; }

  ObjectCache cache_;
  std::string told_;
  store::ObjectStore::Watch watch_;
};

TEST_F(ObjectCacheTest, AListTellsOnlyWhatDiffers) {
  cache_.replace("services", {object("a", 10), object("b", 11)}, {}, 20);
  EXPECT_EQ(told(), "+a10 +b11 ");
  cache_.replace("services", {object("a", 10), object("c", 25), object("b", 21)}, {}, 30);
  EXPECT_EQ(told(), "+c25 ~b21 ");
  cache_.replace("services", {object("b", 21)}, {}, 40);
  EXPECT_EQ(told(), "-a40 -c40 ");
  EXPECT_GE(cache_.version(), 40U);
}

TEST_F(ObjectCacheTest, WhatCouldNotBeReadStays) {
  cache_.replace("services", {object("a", 10)}, {}, 20);
  told();
  cache_.replace("services", {}, {kA}, 30);
  EXPECT_EQ(told(), "");
  EXPECT_EQ(version_of_a(), 10U);
}

TEST_F(ObjectCacheTest, OurOwnWriteCountsAtOnceAndIsToldOnce) {
  cache_.put(object("a", 10));
  told();
  cache_.put_own(object("a", 15));
  EXPECT_EQ(told(), "~a15 ");
  cache_.put(object("a", 12));  // somebody's write before ours, which ours was made from
  EXPECT_EQ(version_of_a(), 15U);
  cache_.put(object("a", 15));
  EXPECT_EQ(told(), "");
  cache_.put(object("a", 17));
  EXPECT_EQ(told(), "~a17 ");
}

TEST_F(ObjectCacheTest, TheWatchMayBeFasterThanTheAnswer) {
  cache_.put(object("a", 15));
  cache_.put(object("a", 17));
  told();
  cache_.put_own(object("a", 15));
  EXPECT_EQ(told(), "");
  EXPECT_EQ(version_of_a(), 17U);
  cache_.put(object("a", 18));
  EXPECT_EQ(version_of_a(), 18U);
}

TEST_F(ObjectCacheTest, AListFromBeforeOurWriteDoesNotUndoIt) {
  cache_.put_own(object("a", 15));
  told();
  cache_.replace("services", {}, {}, 12);
  EXPECT_EQ(version_of_a(), 15U);
  cache_.replace("services", {object("a", 11)}, {}, 12);
  EXPECT_EQ(version_of_a(), 15U);
  cache_.replace("services", {}, {}, 20);
  EXPECT_EQ(told(), "-a20 ");
}

TEST_F(ObjectCacheTest, OurRemovalCountsAtOnceAndIsNotUndoneByWhatIsOlder) {
  cache_.put(object("a", 10, "first"));
  cache_.remove_own(kA, "first");
  EXPECT_EQ(told(), "+a10 -a10 ");
  cache_.put(object("a", 11, "first"));
  cache_.replace("services", {object("a", 11, "first")}, {}, 12);
  EXPECT_EQ(version_of_a(), 0U);
  cache_.put(object("a", 14, "second"));  // somebody made another of this name
  EXPECT_EQ(version_of_a(), 14U);
}

TEST_F(ObjectCacheTest, ARemovalFromBeforeOurCreationIsOld) {
  cache_.put(object("a", 10, "first"));
  cache_.remove_own(kA, "first");
  cache_.put_own(object("a", 14, "second"));
  cache_.remove(kA, 12, "first");
  EXPECT_EQ(version_of_a(), 14U);
  cache_.remove(kA, 16, "second");
  EXPECT_EQ(version_of_a(), 0U);
}

TEST_F(ObjectCacheTest, ListsByNamespace) {
  cache_.put(object("a", 10));
  store::Object other{{"services", "other", "z"}, 11, {}, {}};
  cache_.put(std::make_shared<const store::Object>(other));
  EXPECT_EQ(cache_.list("services", "").objects.size(), 2U);
  ASSERT_EQ(cache_.list("services", "shop").objects.size(), 1U);
  EXPECT_EQ(cache_.list("services", "shop").objects[0]->key.name, "a");
  EXPECT_TRUE(cache_.list("pods", "").objects.empty());
  EXPECT_EQ(cache_.count("services"), 2U);
}

}  // namespace
}  // namespace remora::kubernetes
