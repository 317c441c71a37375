#include "store/directory_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "store/durable_file.h"
#include "store/metadata.h"
#include "store/yaml.h"

namespace remora::store {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

const ObjectKey kApi{"virtualservices.networking.istio.io", "default", "api"};

json::object virtual_service(int weight) {
  return {
      {"apiVersion", "networking.istio.io/v1"},
      {"kind", "VirtualService"},
      {"metadata", json::object{{"name", "api"}, {"annotations", json::object{{"note", "1e3: \"x\"\n- y"}}}}},
      {"spec", json::object{{"weight", weight}, {"hosts", json::array{"api", "*.b"}}}}};
}

class DirectoryStoreTest : public testing::Test {
 protected:
  DirectoryStoreTest() {
    std::string name = (fs::temp_directory_path() / "remora-store-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~DirectoryStoreTest() override { fs::remove_all(folder_); }

  std::unique_ptr<DirectoryStore> open() {
    auto store = DirectoryStore::open(context_, folder_);
    EXPECT_TRUE(store.ok()) << (store.ok() ? "" : store.error().message);
    return store.ok() ? std::move(*store) : nullptr;
  }
  static WriteResult create(DirectoryStore& store, json::object body) {
    WriteResult result;
    store.objects().create(kApi, std::move(body), [&](WriteResult r) { result = std::move(r); });
    return result;
  }
  static WriteResult update(DirectoryStore& store, json::object body) {
    WriteResult result;
    store.objects().update(kApi, std::move(body), {}, [&](WriteResult r) { result = std::move(r); });
    return result;
  }
  std::string path() const { return folder_ + "/virtualservices.networking.istio.io/default/api.yaml"; }
  static std::string read(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
  }
  /// Runs what has been scheduled until `done`; the bound is for a broken build only.
  void run_until(const std::function<bool()>& done) {
    context_.restart();
    for (int i = 0; i < 2000 && !done(); ++i) context_.run_one_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(done());
  }
  static int64_t weight(DirectoryStore& store) {
    const ObjectPtr object = store.objects().get(kApi);
    return object == nullptr ? -1 : object->body.at("spec").at("weight").as_int64();
  }

  boost::asio::io_context context_;
  std::string folder_;
};

TEST_F(DirectoryStoreTest, ObjectsOutliveTheProcess) {
  auto store = open();
  const auto created = create(*store, virtual_service(1));
  ASSERT_TRUE(std::holds_alternative<ObjectPtr>(created));
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U) << "it may be a Secret";
  store.reset();
  store = open();
  const ObjectPtr object = store->objects().get(kApi);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(object->body, std::get<ObjectPtr>(created)->body);
  EXPECT_EQ(object->version, std::get<ObjectPtr>(created)->version);
}

TEST_F(DirectoryStoreTest, OnlyOneProcessHasIt) {
  const auto store = open();
  const auto second = DirectoryStore::open(context_, folder_);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("another remora-control"), std::string::npos);
}

TEST_F(DirectoryStoreTest, AnEditByHandIsTakenAndWrittenInOurForm) {
  const auto store = open();
  create(*store, virtual_service(1));
  const std::string uid = metadata_text(store->objects().get(kApi)->body, "uid");
  store->follow([] {});
  write(
      path(),
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: api}\nspec: {weight: 2}\n");
  run_until([&] { return weight(*store) == 2; });
  EXPECT_EQ(metadata_text(store->objects().get(kApi)->body, "uid"), uid);
  EXPECT_EQ(generation_of(store->objects().get(kApi)->body), 2);
  EXPECT_NE(read(path()).find(uid), std::string::npos);
}

TEST_F(DirectoryStoreTest, AFilePutThereByHandIsAnObject) {
  write(
      path(),
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: api}\nspec: {weight: 7}\n");
  auto store = open();
  ASSERT_EQ(weight(*store), 7);
  const std::string uid = metadata_text(store->objects().get(kApi)->body, "uid");
  EXPECT_EQ(uid.size(), 36U);
  store.reset();
  store = open();
  EXPECT_EQ(metadata_text(store->objects().get(kApi)->body, "uid"), uid) << "given once";
  store->follow([] {});
  fs::remove(path());
  run_until([&] { return store->objects().get(kApi) == nullptr; });
}

TEST_F(DirectoryStoreTest, ABrokenFileLeavesTheObjectAndIsProtected) {
  const auto store = open();
  create(*store, virtual_service(1));
  bool changed = false;
  store->follow([&] { changed = true; });
  write(path(), "spec: {weight: ");
  run_until([&] { return changed; });
  EXPECT_EQ(weight(*store), 1);
  ASSERT_EQ(store->broken().size(), 1U);
  const auto refused = update(*store, virtual_service(3));
  ASSERT_TRUE(std::holds_alternative<WriteError>(refused));
  EXPECT_EQ(std::get<WriteError>(refused).reason, WriteError::Reason::kStorage);
  EXPECT_NE(std::get<WriteError>(refused).message.find("changed by hand"), std::string::npos);
  EXPECT_EQ(read(path()), "spec: {weight: ") << "somebody is working on it";
  write(path(), to_yaml(virtual_service(4)));
  run_until([&] { return weight(*store) == 4; });
  EXPECT_TRUE(store->broken().empty());
  EXPECT_TRUE(std::holds_alternative<ObjectPtr>(update(*store, virtual_service(5))));
}

TEST_F(DirectoryStoreTest, AFileInTheWrongPlaceIsSaidToBe) {
  write(folder_ + "/services/default/api.yaml", to_yaml(virtual_service(1)));
  const auto store = open();
  ASSERT_EQ(store->broken().size(), 1U);
  EXPECT_NE(store->broken().begin()->second.find("lies among the services"), std::string::npos);
}

TEST_F(DirectoryStoreTest, ADraftThatACrashLeftIsNoObject) {
  write(folder_ + "/virtualservices.networking.istio.io/default/.api.yaml.draft", "half a fi");
  const auto store = open();
  EXPECT_EQ(store->objects().get(kApi), nullptr);
  EXPECT_FALSE(fs::exists(folder_ + "/virtualservices.networking.istio.io/default/.api.yaml.draft"));
  EXPECT_TRUE(store->broken().empty());
}

TEST_F(DirectoryStoreTest, WhatCannotBeWrittenIsRefusedAndReadingGoesOn) {
  const auto store = open();
  create(*store, virtual_service(1));
  // A folder in the file's place stops everybody, root as well, as a full disk would.
  fs::remove(path());
  fs::create_directories(path() + "/x");
  const auto refused = update(*store, virtual_service(2));
  ASSERT_TRUE(std::holds_alternative<WriteError>(refused));
  EXPECT_EQ(std::get<WriteError>(refused).reason, WriteError::Reason::kStorage);
  EXPECT_NE(std::get<WriteError>(refused).message.find(path()), std::string::npos);
  EXPECT_EQ(weight(*store), 1);
}

/// Whatever a value holds, it reads back as it was.
class RandomValue {
 public:
  explicit RandomValue(unsigned seed) : random_(seed) {}

  json::value make(int depth) {
    switch (pick(depth > 0 ? 7 : 5)) {
      case 0: return nullptr;
      case 1: return pick(2) == 0;
      case 2: return static_cast<int64_t>(random_()) - (1LL << 31);
      case 3: return std::uniform_real_distribution<>(-1, 1)(random_) * std::pow(10, pick(12));
      case 4: return json::string(text());
      case 5: {
        json::array list;
        for (size_t i = pick(4); i > 0; --i) list.push_back(make(depth - 1));
        return list;
      }
      default: {
        json::object map;
        for (size_t i = pick(4); i > 0; --i) map[text()] = make(depth - 1);
        return map;
      }
    }
  }

 private:
  size_t pick(size_t n) { return random_() % n; }
  std::string text() {
    static const std::vector<std::string> kNasty{"",
                                                 "true",
                                                 "no",
                                                 "null",
                                                 "~",
                                                 "1e3",
                                                 "0x1F",
                                                 "012",
                                                 "- a",
                                                 "a: b",
                                                 "#c",
                                                 "'",
                                                 "\"",
                                                 "\\",
                                                 "a\nb",
                                                 "\tx",
                                                 "é",
                                                 "日本",
                                                 "😀",
                                                 "*x",
                                                 "&x",
                                                 "!x",
                                                 "%x",
                                                 "@x",
                                                 "plain",
                                                 "a/b",
                                                 "v1.2",
                                                 "2026-11-21",
                                                 "12:30",
                                                 "<<",
                                                 "=",
                                                 ".inf",
                                                 ".nan",
                                                 "y",
                                                 " lead",
                                                 "trail ",
                                                 std::string(1, '\x01'),
                                                 "\x7f",
                                                 "\u0085",
                                                 "\u2028"};
    return kNasty[pick(kNasty.size())];
  }

  std::mt19937 random_;
};

TEST(Yaml, ReadsBackWhatItWrote) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    json::object body{{"value", RandomValue(seed).make(4)}};
    const std::string text = to_yaml(body);
    const auto back = from_yaml(text);
    ASSERT_TRUE(back.ok()) << "seed " << seed << ": " << back.error().message << '\n' << text;
    ASSERT_EQ(*back, json::value(body)) << "seed " << seed << '\n' << text << '\n' << json::serialize(*back);
  }
}

TEST(Yaml, LooksAsKubectlWritesIt) {
  const json::object body{
      {"spec", json::object{{"hosts", json::array{"api", "*"}}, {"port", 80}, {"none", nullptr}}},
      {"list", json::array{json::object{{"a", 1}, {"b", json::array{}}}}}};
  EXPECT_EQ(to_yaml(body),
            "spec:\n  hosts:\n  - api\n  - \"*\"\n  port: 80\n  none: null\nlist:\n- a: 1\n  b: []\n");
}

}  // namespace
}  // namespace remora::store
