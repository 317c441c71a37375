#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kube/api_server.h"
#include "store/memory_store.h"

// The API over a store in memory, asked without a network.
namespace remora::kube {

namespace json = boost::json;
using web::Verb;

/// Keeps what the API answers.
class Answers final : public web::Responder {
 public:
  void respond(web::Response given) override {
    EXPECT_FALSE(answered) << "answered twice";
    answered = true;
    response = std::move(given);
  }
  void begin(web::Response head) override {
    EXPECT_FALSE(answered) << "answered twice";
    answered = open = true;
    response = std::move(head);
  }
  bool write(std::string chunk) override {
    if (open) response.body += chunk;
    return open;
  }
  void end() override { open = false; }
  void on_gone(std::function<void()> told) override { gone = std::move(told); }

  /// Of a watch: the events so far, each as one object.
  std::vector<json::object> events() const {
    std::vector<json::object> out;
    for (std::string_view rest = response.body; !rest.empty();) {
      const size_t end = rest.find('\n');
      out.push_back(json::parse(rest.substr(0, end)).as_object());
      rest.remove_prefix(end + 1);
    }
    return out;
  }
  /// "ADDED api, DELETED api".
  std::string told() const {
    std::string out;
    for (const json::object& event : events()) {
      out += (out.empty() ? "" : ", ") + std::string(event.at("type").as_string());
      const json::value* name = event.at("object").as_object().at("metadata").as_object().if_contains("name");
      if (name != nullptr) out += ' ' + std::string(name->as_string());
    }
    return out;
  }

  bool answered = false;
  bool open = false;
  web::Response response;
  std::function<void()> gone;
};

using AnswersPtr = std::shared_ptr<Answers>;
using Headers = std::map<std::string, std::string>;

inline constexpr const char* kServices = "/api/v1/namespaces/default/services";
inline constexpr const char* kRules = "/apis/networking.istio.io/v1/namespaces/default/destinationrules";
inline constexpr const char* kMerge = "application/merge-patch+json";
inline constexpr const char* kTable = "application/json;as=Table;v=v1;g=meta.k8s.io";

class ApiTest : public testing::Test {
 protected:
  AnswersPtr ask(Verb verb, std::string target, std::string body = {}, const Headers& headers = {}) {
    web::Request request{verb, std::move(target), {}, std::move(body)};
    for (const auto& [name, value] : headers) request.headers.set(name, value);
    auto answers = std::make_shared<Answers>();
    api_.handle(std::move(request), answers);
    EXPECT_TRUE(answers->answered);
    return answers;
  }
  AnswersPtr get(std::string target, const Headers& headers = {}) {
    return ask(Verb::get, std::move(target), {}, headers);
  }
  AnswersPtr patch(std::string target, std::string body, const char* type = kMerge) {
    return ask(Verb::patch, std::move(target), std::move(body), {{"Content-Type", type}});
  }
  static json::object body(const AnswersPtr& answers) {
    boost::system::error_code error;
    const json::value value = json::parse(answers->response.body, error);
    return value.is_object() ? value.get_object() : json::object{{"no object", answers->response.body}};
  }
  static std::string at(const AnswersPtr& answers, std::string_view pointer) {
    boost::system::error_code error;
    const json::value whole = body(answers);
    const json::value* value = whole.find_pointer({pointer.data(), pointer.size()}, error);
    if (value == nullptr) return "nothing";
    return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
  }
  /// "404 NotFound".
  static std::string refusal(const AnswersPtr& answers) {
    EXPECT_EQ(at(answers, "/kind"), "Status") << answers->response.body;
    EXPECT_EQ(at(answers, "/code"), std::to_string(answers->response.status));
    return at(answers, "/code") + ' ' + at(answers, "/reason");
  }
  static std::string service(const std::string& name, int port = 80, const std::string& labels = "{}") {
    return R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": ")" + name + R"(", "labels": )" +
           labels + R"(}, "spec": {"ports": [{"name": "http", "port": )" + std::to_string(port) + "}]}}";
  }
  static std::string rule(const std::string& name) {
    return R"({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": ")" +
           name + R"("}, "spec": {"host": "web"}})";
  }
  void add(const std::string& name, const std::string& labels = "{}") {
    const auto answers = ask(Verb::post, kServices, service(name, 80, labels));
    ASSERT_EQ(answers->response.status, 201u) << answers->response.body;
  }
  std::string in(const char* collection, const std::string& name) {
    return std::string(collection) + '/' + name;
  }
  std::string names(const AnswersPtr& list) {
    std::string out;
    const json::object whole = body(list);
    for (const json::value& item : whole.at("items").as_array()) {
      out += (out.empty() ? "" : ",") + std::string(item.at("metadata").at("name").as_string());
    }
    return out;
  }

  boost::asio::io_context context_;
  store::MemoryStore store_;
  ApiServer api_{context_, store_, "test"};
};

}  // namespace remora::kube
