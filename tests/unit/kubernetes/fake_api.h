#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kubernetes/api_client.h"

namespace remora::kubernetes {

/// An API server with one collection of objects, optimistic locking and ways to fail; and a client of it.
class FakeApi final : public ApiClient {
 public:
  explicit FakeApi(boost::asio::io_context& context) : context_(context) {}

  std::shared_ptr<void> call(ApiCall call, Answered done) override {
    calls.push_back(call);
    auto handle = std::make_shared<Answered>(std::move(done));
    if (silent) return handle;
    // What is asked happens when the request arrives, and is told a turn later.
    boost::asio::post(context_, [this, call = std::move(call), weak = std::weak_ptr(handle)] {
      auto result =
          down ? Result<ApiAnswer>(Error{"connection refused"}) : Result<ApiAnswer>(this->answer(call));
      boost::asio::post(context_, [weak, result = std::move(result)] {
        if (const auto waiting = weak.lock()) (*waiting)(result);
      });
    });
    return handle;
  }

  std::shared_ptr<void> stream(std::string /*path*/, OnLine /*on_line*/, Answered /*ended*/) override {
    return nullptr;
  }

  /// Instead of the collection.
  std::function<ApiAnswer(const ApiCall&)> answer = [this](const ApiCall& call) { return serve(call); };
  std::map<std::string, boost::json::object> objects;  ///< by path
  std::vector<ApiCall> calls;
  bool down = false;    ///< nobody listens
  bool silent = false;  ///< nothing is ever answered

 private:
  ApiAnswer serve(const ApiCall& call) {
    const auto known = objects.find(call.path);
    if (call.method == "GET")
      return known == objects.end() ? refuse(404, "NotFound") : say(200, known->second);
    boost::json::object body = boost::json::parse(call.body).as_object();
    auto& metadata = body["metadata"].as_object();
    if (call.method == "POST") {
      const std::string path = call.path + '/' + std::string(metadata["name"].as_string());
      if (objects.contains(path)) return refuse(409, "AlreadyExists");
      return store(path, std::move(body), 201);
    }
    if (known == objects.end()) return refuse(404, "NotFound");
    if (metadata["resourceVersion"] != known->second["metadata"].as_object()["resourceVersion"])
      return refuse(409, "Conflict");
    return store(call.path, std::move(body), 200);
  }

  ApiAnswer store(const std::string& path, boost::json::object body, unsigned status) {
    body["metadata"].as_object()["resourceVersion"] = std::to_string(++version_);
    objects[path] = body;
    return say(status, body);
  }

  static ApiAnswer say(unsigned status, const boost::json::object& body) {
    return {status, boost::json::serialize(body)};
  }
  static ApiAnswer refuse(unsigned status, const std::string& reason) {
    return {status, R"({"kind":"Status","reason":")" + reason + R"(","message":"it is )" + reason +
                        R"(","code":)" + std::to_string(status) + "}"};
  }

  boost::asio::io_context& context_;
  int version_ = 0;
};

}  // namespace remora::kubernetes
