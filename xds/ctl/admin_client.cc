#include "ctl/admin_client.h"

#include <cstdlib>

#include "web/http_client.h"

namespace remora::ctl {

std::string admin_address(const Arguments& arguments) {
  const char* from_environment = std::getenv("REMORA_ADMIN");
  return arguments.get("--admin", from_environment == nullptr ? "127.0.0.1:15014" : from_environment);
}

namespace {

Result<std::string> ask(const std::string& address, web::Request request, const std::string& whom) {
  boost::asio::io_context context{1};
  Result<web::Response> answer = Error{"no answer"};
  web::ClientOptions options;
  options.body_limit = size_t{1} << 30;  // a config dump of a large mesh is large
  request.target = "http://" + address + request.target;
  const auto exchange = web::fetch(context, std::move(request), options,
                                   [&](Result<web::Response> done) { answer = std::move(done); });
  context.run();
  if (!answer.ok()) return Error{"no answer from " + whom + ": " + answer.error().message};
  if (answer->status != 200) {
    return Error{whom + " answers " + std::to_string(answer->status) + ": " + answer->body};
  }
  return std::move(answer->body);
}

}  // namespace

Result<std::string> admin_get(const std::string& address, const std::string& target,
                              const std::string& whom) {
  return ask(address, {web::Verb::get, target, {}, ""}, whom);
}

std::string proxy_admin_address(const Arguments& arguments) {
  return arguments.get("--admin", "127.0.0.1:15000");
}

Result<std::string> admin_post(const std::string& address, const std::string& target, std::string body) {
  web::Request request{web::Verb::post, target, {}, std::move(body)};
  request.headers.set(boost::beast::http::field::content_type, "application/json");
  return ask(address, std::move(request), "the proxy");
}

}  // namespace remora::ctl
