#include "ctl/admin_client.h"

#include <cstdlib>

#include "web/http_client.h"

namespace remora::ctl {

std::string admin_address(const Arguments& arguments) {
  const char* from_environment = std::getenv("REMORA_ADMIN");
  return arguments.get("--admin", from_environment == nullptr ? "127.0.0.1:15014" : from_environment);
}

Result<std::string> admin_get(const std::string& address, const std::string& target) {
  boost::asio::io_context context{1};
  Result<web::Response> answer = Error{"no answer"};
  web::ClientOptions options;
  options.body_limit = size_t{1} << 30;  // a config dump of a large mesh is large
  const auto exchange = web::fetch(context, {web::Verb::get, "http://" + address + target, {}, ""}, options,
                                   [&](Result<web::Response> done) { answer = std::move(done); });
  context.run();
  if (!answer.ok()) return Error{"no answer from the control plane: " + answer.error().message};
  if (answer->status != 200) {
    return Error{"the control plane answers " + std::to_string(answer->status) + ": " + answer->body};
  }
  return std::move(answer->body);
}

}  // namespace remora::ctl
