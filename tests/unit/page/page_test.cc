#include "page/page.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>

#include "page/assets.h"

namespace remora::page {
namespace {

namespace json = boost::json;
using boost::beast::http::field;

class FakeRollouts : public rollout::Rollouts {
 public:
  void act(const store::ObjectKey& canary, rollout::Action action,
           std::function<void(Result<void>)> done) override {
    acted.push_back(canary.text() + ' ' + std::string(rollout::to_string(action)));
    done(refusal.empty() ? Result<void>() : Error{refusal});
  }
  json::array view() const override { return canaries; }
  std::shared_ptr<void> watch(std::function<void()> changed) override {
    on_change = std::move(changed);
    return std::make_shared<int>();
  }

  json::array canaries;
  std::function<void()> on_change;
  std::vector<std::string> acted;
  std::string refusal;
};

class FakeResponder : public web::Responder {
 public:
  void respond(web::Response answer) override { response = std::move(answer); }
  void begin(web::Response head) override {
    stream = head.body;
    response = std::move(head);
  }
  bool write(std::string chunk) override {
    stream += chunk;
    return !broken;
  }
  void end() override { ended = true; }
  void on_gone(std::function<void()> callback) override { gone = std::move(callback); }

  web::Response response{0};
  std::string stream;
  std::function<void()> gone;
  bool ended = false;
  bool broken = false;
};

class PageTest : public testing::Test {
 protected:
  std::shared_ptr<FakeResponder> ask(web::Verb method, std::string target, web::Headers headers = {}) {
    auto responder = std::make_shared<FakeResponder>();
    web::Request request{method, std::move(target), std::move(headers), ""};
    request.headers.set(field::host, "127.0.0.1:15080");
    handled = page.handle(request, responder);
    return responder;
  }

  std::shared_ptr<FakeResponder> act(std::string target, web::Headers headers = {}) {
    if (headers.count(field::content_type) == 0) headers.set(field::content_type, "application/json");
    return ask(web::Verb::post, std::move(target), std::move(headers));
  }

  /// Runs until the stream holds `text`.
  void wait_for(const std::shared_ptr<FakeResponder>& listener, const std::string& text) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (listener->stream.find(text) == std::string::npos && std::chrono::steady_clock::now() < end) {
      context.restart();
      context.run_one_for(std::chrono::seconds(1));
    }
    ASSERT_NE(listener->stream.find(text), std::string::npos) << text << " in " << listener->stream;
  }

  static json::object canary(int weight) {
    return {{"namespace", "default"}, {"name", "api"}, {"canaryWeight", weight}};
  }

  boost::asio::io_context context;
  FakeRollouts rollouts;
  Page page{context,
            {.rollouts = &rollouts,
             .traffic =
                 [] {
                   return json::object{{"services", json::array()}};
                 },
             .traffic_history =
                 [] {
                   return json::object{{"services", json::array()}, {"proxies", 3}};
                 },
             .mesh =
                 [] {
                   return json::object{{"findings", json::array()}};
                 },
             .standing = [] { return std::string("another one leads"); }}};
  bool handled = false;
};

TEST_F(PageTest, LeavesTheResourceApiToOthers) {
  ask(web::Verb::get, "/apis");
  EXPECT_FALSE(handled);
  ask(web::Verb::get, "/rolloutsx");
  EXPECT_FALSE(handled);
  EXPECT_EQ(ask(web::Verb::get, "/")->response.headers[field::location], "/ui/");
  EXPECT_TRUE(handled);
}

TEST_F(PageTest, EveryFileComesWithItsTypeItsTagAndAStrictPolicy) {
  ASSERT_NE(find_asset("index.html"), nullptr);
  for (const Asset& asset : assets()) {
    const auto answer = ask(web::Verb::get, "/ui/" + std::string(asset.name));
    EXPECT_EQ(answer->response.status, 200u) << asset.name;
    EXPECT_EQ(answer->response.body, asset.body);
    EXPECT_EQ(answer->response.headers[field::etag], std::string(asset.etag));
    EXPECT_NE(answer->response.headers["Content-Security-Policy"].find("default-src 'none'"),
              boost::string_view::npos);
  }
  EXPECT_EQ(ask(web::Verb::get, "/ui/")->response.content_type, "text/html; charset=utf-8");
  EXPECT_EQ(ask(web::Verb::get, "/ui/../etc")->response.status, 404u);
}

TEST_F(PageTest, AFileThatTheBrowserHasIsNotSentAgain) {
  web::Headers headers;
  const std::string tag(find_asset("app.js")->etag);
  headers.set(field::if_none_match, "\"other\", W/" + tag);
  const auto answer = ask(web::Verb::get, "/ui/app.js", headers);
  EXPECT_EQ(answer->response.status, 304u);
  EXPECT_TRUE(answer->response.body.empty());
}

TEST_F(PageTest, ListsTheRollouts) {
  rollouts.canaries.push_back(canary(10));
  EXPECT_EQ(json::parse(ask(web::Verb::get, "/rollouts")->response.body), json::value(rollouts.canaries));
}

TEST_F(PageTest, ListenersGetTheNewestStepsAndWhoAsksForOneRolloutGetsAll) {
  json::object rollout = canary(10);
  json::array timeline;
  for (int i = 0; i < 200; ++i) timeline.push_back(json::object{{"reason", "step" + std::to_string(i)}});
  rollout["timeline"] = std::move(timeline);
  rollouts.canaries.push_back(rollout);
  const auto listener = ask(web::Verb::get, "/ui/events");
  EXPECT_NE(listener->stream.find("step150\""), std::string::npos);
  EXPECT_EQ(listener->stream.find("step149\""), std::string::npos);
  EXPECT_NE(listener->stream.find("\"earlierSteps\":150"), std::string::npos);
  EXPECT_EQ(json::parse(ask(web::Verb::get, "/rollouts/default/api")->response.body), json::value(rollout));
  EXPECT_EQ(ask(web::Verb::get, "/rollouts/default/nothing")->response.status, 404u);
  EXPECT_EQ(ask(web::Verb::get, "/rollouts/default")->response.status, 404u);
}

TEST_F(PageTest, ActsOnARolloutThatIsThere) {
  rollouts.canaries.push_back(canary(10));
  EXPECT_EQ(act("/rollouts/default/api/abort")->response.status, 200u);
  EXPECT_EQ(rollouts.acted, std::vector<std::string>{"canaries.flagger.app default/api abort"});
  EXPECT_EQ(act("/rollouts/default/other/abort")->response.status, 404u);
  EXPECT_EQ(act("/rollouts/default/api/explode")->response.status, 404u);
  EXPECT_EQ(act("/rollouts/default/api/abort/more")->response.status, 404u);
  EXPECT_EQ(ask(web::Verb::get, "/rollouts/default/api/abort")->response.status, 405u);
  EXPECT_EQ(rollouts.acted.size(), 1u);
}

TEST_F(PageTest, TellsWhyAnActionIsRefused) {
  rollouts.canaries.push_back(canary(10));
  rollouts.refusal = "no rollout is under way";
  const auto answer = act("/rollouts/default/api/promote");
  EXPECT_EQ(answer->response.status, 409u);
  EXPECT_EQ(json::parse(answer->response.body).at("message"), "no rollout is under way");
}

TEST_F(PageTest, OtherSitesCannotAct) {
  rollouts.canaries.push_back(canary(10));
  const std::vector<std::pair<std::string, std::string>> foreign{
      {"Content-Type", "application/x-www-form-urlencoded"},
      {"Content-Type", "text/plain"},
      {"Origin", "http://evil.test"},
      {"Origin", "null"},
      {"Origin", "http://127.0.0.1:1"},
      {"Sec-Fetch-Site", "cross-site"},
      {"Sec-Fetch-Site", "same-site"}};
  for (const auto& [name, value] : foreign) {
    web::Headers headers;
    headers.set(name, value);
    EXPECT_EQ(act("/rollouts/default/api/abort", headers)->response.status, 403u) << name << ": " << value;
  }
  EXPECT_TRUE(rollouts.acted.empty());
  web::Headers own;
  own.set(field::origin, "http://127.0.0.1:15080");
  own.set("Sec-Fetch-Site", "same-origin");
  EXPECT_EQ(act("/rollouts/default/api/abort", own)->response.status, 200u);
}

TEST_F(PageTest, AListenerGetsEverythingAndThenWhatChanges) {
  rollouts.canaries = {canary(10)};
  rollouts.canaries.push_back(json::object{{"namespace", "shop"}, {"name", "cart"}});
  const auto listener = ask(web::Verb::get, "/ui/events");
  EXPECT_EQ(listener->response.content_type, "text/event-stream");
  EXPECT_NE(listener->stream.find("event: snapshot\n"), std::string::npos);
  EXPECT_NE(listener->stream.find("\"proxies\":3"), std::string::npos);
  EXPECT_NE(listener->stream.find("\"standing\":\"another one leads\""), std::string::npos)
      << listener->stream;

  listener->stream.clear();
  rollouts.canaries = {canary(20)};
  rollouts.on_change();
  rollouts.on_change();  // of one turn
  wait_for(listener, "rollout-gone");
  EXPECT_EQ(listener->stream,
            "event: rollout\ndata: {\"namespace\":\"default\",\"name\":\"api\",\"canaryWeight\":20}\n\n"
            "event: rollout-gone\ndata: {\"namespace\":\"shop\",\"name\":\"cart\"}\n\n");
}

TEST_F(PageTest, WhatIsTheSameIsNotToldAgain) {
  rollouts.canaries = {canary(10)};
  const auto listener = ask(web::Verb::get, "/ui/events");
  listener->stream.clear();
  rollouts.on_change();
  page.mesh_changed();
  wait_for(listener, "event: mesh\ndata: {\"findings\":[]}\n\n");
  rollouts.canaries = {canary(30)};
  rollouts.on_change();
  wait_for(listener, "\"canaryWeight\":30");
  EXPECT_EQ(listener->stream.find("event: rollout"), listener->stream.rfind("event: rollout"));
}

TEST_F(PageTest, AWatchIsLinesOfJson) {
  rollouts.canaries = {canary(10)};
  const auto watcher = ask(web::Verb::get, "/rollouts?watch");
  EXPECT_EQ(json::parse(watcher->stream).at("type"), "ADDED");
  watcher->stream.clear();
  rollouts.canaries = {};
  rollouts.on_change();
  wait_for(watcher, "}}\n");
  EXPECT_EQ(json::parse(watcher->stream).at("type"), "DELETED");
}

TEST_F(PageTest, WhoHasGoneIsForgottenAndCrowdsAreTurnedAway) {
  std::vector<std::shared_ptr<FakeResponder>> listeners;
  for (int i = 0; i < 64; ++i) listeners.push_back(ask(web::Verb::get, "/ui/events"));
  EXPECT_EQ(listeners.back()->response.status, 200u);
  EXPECT_EQ(ask(web::Verb::get, "/ui/events")->response.status, 503u);
  listeners.front()->gone();
  EXPECT_EQ(ask(web::Verb::get, "/ui/events")->response.status, 200u);
  listeners[1]->broken = true;
  page.mesh_changed();
  wait_for(listeners[2], "event: mesh");
  EXPECT_EQ(ask(web::Verb::get, "/ui/events")->response.status, 200u);
  page.close();
  EXPECT_TRUE(listeners.back()->ended);
}

}  // namespace
}  // namespace remora::page
