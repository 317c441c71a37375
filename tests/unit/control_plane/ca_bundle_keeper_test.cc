// The authority that API servers trust for the webhook: written where it is missing or wrong, by the leader.
#include "control_plane/ca_bundle_keeper.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <optional>

#include "unit/support/run_until.h"

namespace remora::xds {
namespace {

namespace json = boost::json;
using kubernetes::ApiAnswer;
using kubernetes::ApiCall;

const std::string kPath = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const std::string kBundle = "cGVt";  // "pem"

/// An API server with at most one configuration, and its watchers.
class FakeServer final : public kubernetes::ApiClient {
 public:
  explicit FakeServer(boost::asio::io_context& context) : context_(context) {}

  std::shared_ptr<void> call(ApiCall call, Answered done) override {
    auto handle = std::make_shared<Answered>(std::move(done));
    boost::asio::post(context_, [this, call = std::move(call), weak = std::weak_ptr(handle)] {
      const auto waiting = weak.lock();
      if (waiting == nullptr) return;
      (*waiting)(call.method == "GET" ? list(call) : patch(call));
    });
    return handle;
  }

  std::shared_ptr<void> stream(std::string path, OnLine on_line, Answered ended) override {
    watched.push_back(path);
    watcher_ = std::make_shared<Watcher>(Watcher{std::move(on_line), std::move(ended)});
    return watcher_.value();
  }

  /// Somebody writes the configuration.
  void write(std::vector<std::string> bundles) {
    json::array webhooks;
    for (std::string& bundle : bundles) {
      json::object client{{"service", {{"name", "remora-control"}}}};
      if (!bundle.empty()) client["caBundle"] = bundle;
      webhooks.push_back(
          json::object{{"name", "namespace.sidecar-injector"}, {"clientConfig", std::move(client)}});
    }
    object = json::object{{"metadata", {{"name", "injector"}}}, {"webhooks", std::move(webhooks)}};
    tell("MODIFIED");
  }

  void end_watch() {
    if (watcher_) std::exchange(watcher_, std::nullopt)->get()->ended(ApiAnswer{200, ""});
  }

  std::string bundle(size_t index) {
    const auto& client = object->at("webhooks").as_array().at(index).at("clientConfig").as_object();
    return client.contains("caBundle") ? std::string(client.at("caBundle").as_string()) : std::string();
  }

  std::optional<json::object> object;
  std::vector<std::string> watched;
  int patches = 0;
  int lists = 0;
  unsigned refuse_patches = 0;  ///< the status of a refusal; 0: none
  bool down = false;

 private:
  struct Watcher {
    OnLine on_line;
    Answered ended;
  };

  Result<ApiAnswer> list(const ApiCall& call) {
    ++lists;
    EXPECT_EQ(call.path, kPath + "?fieldSelector=metadata.name%3Dinjector");
    if (down) return Error{"connection refused"};
    json::array items;
    if (object) items.push_back(*object);
    return ApiAnswer{
        200, json::serialize(json::object{{"metadata", {{"resourceVersion", std::to_string(version_)}}},
                                          {"items", items}})};
  }

  Result<ApiAnswer> patch(const ApiCall& call) {
    ++patches;
    EXPECT_EQ(call.path, kPath + "/injector");
    EXPECT_EQ(call.content_type, "application/json-patch+json");
    if (refuse_patches != 0) {
      return ApiAnswer{std::exchange(refuse_patches, 0U),
                       R"({"kind":"Status","message":"forbidden to remora"})"};
    }
    const json::value patch = json::parse(call.body);
    for (const json::value& each : patch.as_array()) {
      const std::string path(each.at("path").as_string());
      const std::string value(each.at("value").as_string());
      if (each.at("op") == "test") {
        if (value != std::to_string(version_)) return ApiAnswer{422, R"({"message":"test failed"})"};
        continue;
      }
      const size_t index = std::stoul(path.substr(std::string("/webhooks/").size()));
      EXPECT_EQ(path, "/webhooks/" + std::to_string(index) + "/clientConfig/caBundle");
      object->at("webhooks").as_array().at(index).at("clientConfig").as_object()["caBundle"] = value;
    }
    tell("MODIFIED");
    return ApiAnswer{200, json::serialize(*object)};
  }

  void tell(const char* type) {
    (*object)["metadata"].as_object()["resourceVersion"] = std::to_string(++version_);
    if (!watcher_) return;
    const std::string line = json::serialize(json::object{{"type", type}, {"object", *object}});
    boost::asio::post(context_, [weak = std::weak_ptr(*watcher_), line] {
      if (const auto open = weak.lock()) open->on_line(line);
    });
  }

  boost::asio::io_context& context_;
  std::optional<std::shared_ptr<Watcher>> watcher_;
  int version_ = 7;
};

class CaBundleKeeperTest : public testing::Test {
 protected:
  bool until(const std::function<bool()>& done) { return run_until(context_, done); }

  boost::asio::io_context context_;
  FakeServer server_{context_};
  bool leads_ = true;
  CaBundleKeeper keeper_{
      context_, server_, "injector", "pem", [this] { return leads_; }, std::chrono::milliseconds(1)};
};

TEST_F(CaBundleKeeperTest, WritesWhatIsMissingOrWrongAndNothingElse) {
  server_.write({"", "b3RoZXI=", kBundle});
  keeper_.start();
  ASSERT_TRUE(until([&] { return server_.bundle(0) == kBundle; }));
  EXPECT_EQ(server_.bundle(1), kBundle);
  EXPECT_EQ(server_.bundle(2), kBundle);
  ASSERT_TRUE(until([&] { return !server_.watched.empty(); }));
  EXPECT_EQ(server_.patches, 1);
}

TEST_F(CaBundleKeeperTest, MendsWhatSomebodyBreaks) {
  server_.write({kBundle});
  keeper_.start();
  ASSERT_TRUE(until([&] { return !server_.watched.empty(); }));
  EXPECT_EQ(server_.patches, 0);
  server_.write({"b3RoZXI="});
  ASSERT_TRUE(until([&] { return server_.bundle(0) == kBundle; }));
  server_.end_watch();
  ASSERT_TRUE(until([&] { return server_.watched.size() == 2; }));
  server_.write({""});
  ASSERT_TRUE(until([&] { return server_.bundle(0) == kBundle; }));
  EXPECT_EQ(server_.patches, 2);
}

TEST_F(CaBundleKeeperTest, AnotherAuthorityIsWrittenAtOnce) {
  server_.write({kBundle});
  keeper_.start();
  ASSERT_TRUE(until([&] { return !server_.watched.empty(); }));
  leads_ = false;
  keeper_.use("other");
  leads_ = true;
  keeper_.look();
  ASSERT_TRUE(until([&] { return server_.bundle(0) == "b3RoZXI="; }));
  EXPECT_EQ(server_.patches, 1) << "nothing before it leads";
}

TEST_F(CaBundleKeeperTest, WaitsForAConfigurationThatIsNotThereYet) {
  keeper_.start();
  ASSERT_TRUE(until([&] { return !server_.watched.empty(); }));
  server_.write({""});
  ASSERT_TRUE(until([&] { return server_.bundle(0) == kBundle; }));
}

TEST_F(CaBundleKeeperTest, OnlyTheLeaderWrites) {
  leads_ = false;
  server_.write({""});
  keeper_.start();
  ASSERT_TRUE(until([&] { return !server_.watched.empty(); }));
  server_.write({"b3RoZXI="});
  ASSERT_TRUE(until([&] { return context_.poll() == 0; }));
  EXPECT_EQ(server_.patches, 0);
  leads_ = true;
  keeper_.look();
  ASSERT_TRUE(until([&] { return server_.bundle(0) == kBundle; }));
}

TEST_F(CaBundleKeeperTest, TriesAgainWhatWasRefusedOrLost) {
  server_.write({""});
  server_.refuse_patches = 403;
  server_.down = true;
  keeper_.start();
  ASSERT_TRUE(until([&] { return server_.lists >= 3; }));
  server_.down = false;
  ASSERT_TRUE(until([&] { return server_.bundle(0) == kBundle; }));
  EXPECT_EQ(server_.patches, 2);
}

}  // namespace
}  // namespace remora::xds
