#include "rollout/hooks.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <deque>

#include "rollout/alerts.h"
#include "unit/rollout/engine_builders.h"
#include "web/http_server.h"

namespace remora::rollout::test {
namespace {

namespace json = boost::json;

/// Takes posts and answers them with the statuses it was given, then with 200.
class Receiver {
 public:
  explicit Receiver(boost::asio::io_context& context)
      : server_(context, [this](web::Request request, web::ResponderPtr responder) {
          web::Response response;
          if (!statuses.empty()) {
            response.status = statuses.front();
            statuses.pop_front();
          }
          response.body = "as told";
          requests.push_back(std::move(request));
          responder->respond(std::move(response));
        }) {
    const auto address = server_.listen("127.0.0.1:0");
    EXPECT_TRUE(address.ok()) << address.error().message;
    url = "http://" + *address + "/hook";
  }

  json::object body(size_t index) const { return json::parse(requests.at(index).body).get_object(); }

  std::string url;
  std::deque<unsigned> statuses;
  std::vector<web::Request> requests;

 private:
  web::HttpServer server_;
};

istio::CanaryWebhook hook_to(const std::string& url, const std::string& name = "hook") {
  istio::CanaryWebhook hook;
  hook.name = name;
  hook.url = url;
  return hook;
}

std::vector<Check> call(boost::asio::io_context& context, std::vector<istio::CanaryWebhook> hooks,
                        bool stop_at_pass = false) {
  std::vector<Check> checks;
  bool done = false;
  const auto handle = call_hooks(context, std::move(hooks), {"api", "default", "Progressing", "1234"},
                                 stop_at_pass, [&](std::vector<Check> result) {
                                   checks = std::move(result);
                                   done = true;
                                 });
  while (!done && context.run_one_for(std::chrono::seconds(10)) > 0) {}
  EXPECT_TRUE(done);
  return checks;
}

TEST(Hooks, ArePostedFlaggersPayload) {
  boost::asio::io_context context;
  Receiver receiver(context);
  istio::CanaryWebhook hook = hook_to(receiver.url);
  hook.metadata = {{"cmd", "hey http://api"}};
  const auto checks = call(context, {hook});
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].outcome, Outcome::kPass);
  ASSERT_EQ(receiver.requests.size(), 1U);
  EXPECT_EQ(receiver.requests[0].headers["content-type"], "application/json");
  EXPECT_EQ(receiver.requests[0].body,
            R"({"name":"api","namespace":"default","phase":"Progressing","checksum":"1234",)"
            R"("metadata":{"cmd":"hey http://api"}})");
}

TEST(Hooks, StatusesAbove202Fail) {
  boost::asio::io_context context;
  Receiver receiver(context);
  for (const auto& [status, outcome] :
       {std::pair(200U, Outcome::kPass), std::pair(202U, Outcome::kPass), std::pair(204U, Outcome::kFail),
        std::pair(403U, Outcome::kFail), std::pair(500U, Outcome::kFail)}) {
    receiver.statuses = {status};
    const auto checks = call(context, {hook_to(receiver.url)});
    ASSERT_EQ(checks.size(), 1U);
    EXPECT_EQ(checks[0].outcome, outcome) << status;
  }
}

TEST(Hooks, TheFirstFailureDecidesOrForRollbackTheFirstPass) {
  boost::asio::io_context context;
  Receiver receiver(context);
  const std::vector<istio::CanaryWebhook> hooks{hook_to(receiver.url, "a"), hook_to(receiver.url, "b"),
                                                hook_to(receiver.url, "c")};
  receiver.statuses = {200, 403};
  auto checks = call(context, hooks);
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_EQ(checks[1].name, "b");
  EXPECT_EQ(checks[1].outcome, Outcome::kFail);
  receiver.statuses = {403, 200};
  checks = call(context, hooks, true);
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_EQ(checks[1].outcome, Outcome::kPass);
}

TEST(Hooks, AreRetriedAsOftenAsTheySay) {
  boost::asio::io_context context;
  Receiver receiver(context);
  istio::CanaryWebhook hook = hook_to(receiver.url);
  hook.retries = 1;
  receiver.statuses = {503};
  const auto checks = call(context, {hook});
  EXPECT_EQ(checks.at(0).outcome, Outcome::kPass);
  EXPECT_EQ(receiver.requests.size(), 2U);
}

TEST(Hooks, NobodyThereIsAFailure) {
  boost::asio::io_context context;
  const auto checks = call(context, {hook_to("http://127.0.0.1:9/")});
  EXPECT_EQ(checks.at(0).outcome, Outcome::kFail);
  EXPECT_NE(checks[0].text.find("cannot connect"), std::string::npos) << checks[0].text;
}

TEST(Hooks, ADroppedHandleGivesUp) {
  boost::asio::io_context context;
  Receiver receiver(context);
  bool called = false;
  call_hooks(context, {hook_to(receiver.url)}, {}, false, [&](const std::vector<Check>&) {
    called = true;
  }).reset();
  context.run_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(called);
}

TEST(Hooks, AWholeRolloutCallsThemInItsPhases) {
  Stage stage("");
  Receiver receiver(stage.context);
  std::string hooks;
  for (const char* type : {"rollout", "pre-rollout", "confirm-rollout", "confirm-traffic-increase",
                           "confirm-promotion", "post-rollout", "event"}) {
    hooks +=
        "{name: " + std::string(type) + ", type: " + type + ", url: '" + receiver.url + '/' + type + "'}, ";
  }
  stage.apply(canary_yaml("{interval: 3ms, stepWeight: 50, maxWeight: 50, webhooks: [" + hooks + "]}"));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.add_workload("v2");
  ASSERT_TRUE(stage.run_until_phase(Phase::kSucceeded));
  ASSERT_TRUE(stage.run_until([&] { return !stage.status().owes_post_rollout; }));
  ASSERT_TRUE(stage.run_until([&] {
    return std::any_of(receiver.requests.begin(), receiver.requests.end(), [](const web::Request& request) {
      return request.body.find("Post-rollout") != std::string::npos;
    });
  }));
  std::vector<std::string> order;
  for (size_t i = 0; i < receiver.requests.size(); ++i) {
    const std::string& target = receiver.requests[i].target;
    const std::string type = target.substr(target.rfind('/') + 1);
    if (type == "event") {
      const json::object metadata = receiver.body(i).at("metadata").get_object();
      EXPECT_FALSE(text_of(metadata, "eventMessage").empty());
      EXPECT_FALSE(text_of(metadata, "timestamp").empty());
    } else if (order.empty() || order.back() != type) {
      order.push_back(type);
    }
  }
  EXPECT_EQ(order,
            (std::vector<std::string>{"confirm-rollout", "pre-rollout", "confirm-traffic-increase", "rollout",
                                      "confirm-traffic-increase", "confirm-promotion", "post-rollout"}));
}

TEST(Alerts, GoToTheProvidersThatWantThem) {
  Stage stage("");
  Receiver receiver(stage.context);
  stage.apply(
      "apiVersion: flagger.app/v1beta1\nkind: AlertProvider\nmetadata: {name: chat, namespace: default}\n"
      "spec: {type: slack, channel: ops, address: '" +
      receiver.url + "'}\n");
  stage.apply(
      canary_yaml("{interval: 3ms, stepWeight: 50, alerts: [{name: all, severity: info, providerRef: {name: "
                  "chat}}, {name: bad, severity: error, providerRef: {name: chat}}]}"));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until([&] { return !receiver.requests.empty(); }));
  stage.context.restart();
  stage.context.run_for(std::chrono::milliseconds(20));
  ASSERT_EQ(receiver.requests.size(), 1U) << "the second wants errors only";
  const json::object body = receiver.body(0);
  EXPECT_EQ(text_of(body, "channel"), "ops");
  const json::object attachment = body.at("attachments").at(0).get_object();
  EXPECT_EQ(text_of(attachment, "author_name"), "api.default");
  EXPECT_NE(text_of(attachment, "text").find("initialization completed"), std::string::npos);
  EXPECT_EQ(attachment.at("fields").get_array().size(), 4U);
}

json::object posted(const std::string& type, const std::map<std::string, std::string>& secret = {},
                    std::string* url = nullptr) {
  istio::AlertProvider provider;
  provider.type = type;
  provider.address = "http://hook/x";
  if (!secret.empty()) provider.secret = "s";
  const auto request = alert_request(provider, secret, "api.default",
                                     {istio::AlertSeverity::kError, "it broke", false}, {{"a", "b"}});
  EXPECT_TRUE(request.ok());
  if (url != nullptr) *url = request->target;
  return json::parse(request->body).get_object();
}

TEST(Alerts, EachProviderHasItsForm) {
  EXPECT_EQ(posted("slack").at("attachments").at(0).at("color").as_string(), "danger");
  EXPECT_EQ(posted("rocket").at("attachments").at(0).at("color").as_string(), "#FF0000");
  std::string url;
  posted("discord", {}, &url);
  EXPECT_EQ(url, "http://hook/x/slack");
  const json::object teams = posted("msteams");
  EXPECT_EQ(text_of(teams, "@type"), "MessageCard");
  EXPECT_EQ(teams.at("sections").at(0).at("facts").at(0).at("name").as_string(), "a");
  EXPECT_EQ(posted("gchat").at("cards").at(0).at("header").at("subtitle").as_string(), "api.default");
  posted("slack", {{"address", "http://secret/"}}, &url);
  EXPECT_EQ(url, "http://secret/");
  istio::AlertProvider provider;
  provider.type = "slack";
  provider.secret = "s";
  EXPECT_FALSE(alert_request(provider, {}, "api.default", {}, {}).ok());
}

TEST(Alerts, Severities) {
  using istio::AlertSeverity;
  istio::CanaryAlert alert;
  EXPECT_TRUE(wants(alert, AlertSeverity::kInfo)) << "info is the default";
  alert.severity = AlertSeverity::kWarn;
  EXPECT_FALSE(wants(alert, AlertSeverity::kInfo));
  EXPECT_TRUE(wants(alert, AlertSeverity::kWarn));
  EXPECT_TRUE(wants(alert, AlertSeverity::kError));
  alert.severity = AlertSeverity::kError;
  EXPECT_FALSE(wants(alert, AlertSeverity::kWarn));
}

}  // namespace
}  // namespace remora::rollout::test
