#include "ctl/api.h"

#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "ctl/commands.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;
using boost::beast::http::field;

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

/// The first line of the file: a server's list of tokens serves as well.
Result<std::string> read_token(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path);
  std::string token;
  if (!std::getline(file, token)) return Error{"--token-file: " + path + " cannot be read or is empty"};
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0) token.pop_back();
  return token;
}

}  // namespace

Result<Connection> connection_of(const Arguments& arguments) {
  Connection connection;
  connection.address = arguments.get("--api", from_environment("REMORA_API", "127.0.0.1:15080"));
  connection.options.ca_file = arguments.get("--ca");
  connection.options.certificate_file = arguments.get("--client-certificate");
  connection.options.private_key_file = arguments.get("--client-key");
  connection.options.timeout = std::chrono::seconds(30);
  connection.options.body_limit = 256 * 1024 * 1024;  // a list of everything in a large mesh
  bool tls = !connection.options.ca_file.empty() || !connection.options.certificate_file.empty();
  for (const std::string scheme : {"https://", "http://"}) {
    if (!connection.address.starts_with(scheme)) continue;
    connection.address.erase(0, scheme.size());
    tls = scheme == "https://";
  }
  while (connection.address.ends_with('/')) connection.address.pop_back();
  if (connection.address.find(':') == std::string::npos) {
    return Error{"--api: \"" + connection.address + "\" is not HOST:PORT"};
  }
  connection.url = (tls ? "https://" : "http://") + connection.address;
  auto token = read_token(arguments.get("--token-file", from_environment("REMORA_TOKEN_FILE", "")));
  if (!token.ok()) return Error{token.error()};
  connection.token = std::move(*token);
  return connection;
}

web::Request Api::request(const std::string& target, Sending sending) const {
  web::Request request{sending.method, connection_.url + target, {}, std::move(sending.body)};
  request.headers.set(field::accept, sending.accept);
  request.headers.set(field::user_agent, "remoractl");
  if (!sending.content_type.empty()) request.headers.set(field::content_type, sending.content_type);
  if (!connection_.token.empty()) request.headers.set(field::authorization, "Bearer " + connection_.token);
  return request;
}

Result<web::Response> Api::call(const std::string& target, Sending sending) const {
  boost::asio::io_context context{1};
  Result<web::Response> answer = Error{"no answer"};
  const auto exchange = web::fetch(context, request(target, std::move(sending)), connection_.options,
                                   [&](Result<web::Response> done) { answer = std::move(done); });
  context.run();
  return answer;
}

Result<unsigned> Api::lines(const std::string& target, Sending sending,
                            const std::function<bool(unsigned, std::string_view)>& on_line) const {
  boost::asio::io_context context{1};
  Result<unsigned> answer = 200u;
  std::string rest;
  web::ClientOptions options = connection_.options;
  options.timeout = std::chrono::milliseconds(0);
  const auto take = [&](unsigned status, std::string_view chunk) {
    rest += chunk;
    size_t start = 0;
    for (size_t end; (end = rest.find('\n', start)) != std::string::npos; start = end + 1) {
      const std::string_view line(rest.data() + start, end - start);
      if (line.empty() || on_line(status, line)) continue;
      context.stop();
      return;
    }
    rest.erase(0, start);
  };
  const auto exchange = web::stream(context, request(target, std::move(sending)), options, take,
                                    [&](Result<unsigned> done) { answer = std::move(done); });
  context.run();
  if (answer.ok() && !rest.empty()) on_line(*answer, rest);
  return answer;
}

Result<json::value> json_of(const web::Response& response) {
  boost::system::error_code error;
  json::value value = json::parse(response.body, error);
  if (error) return Error{"the control plane's answer is no JSON"};
  return value;
}

int refused(const web::Response& response) {
  const auto body = json_of(response);
  const std::string message = body.ok() ? text_at(*body, "/message") : response.body;
  const std::string reason = body.ok() ? text_at(*body, "/reason") : "";
  if (reason == "Invalid") {
    // Its message begins with the kind's and object's name already.
    std::fprintf(stderr, "The %s\n", message.c_str());
  } else if (!reason.empty()) {
    std::fprintf(stderr, "Error from server (%s): %s\n", reason.c_str(), message.c_str());
  } else {
    std::fprintf(stderr, "Error from server: %s\n",
                 message.empty() ? ("status " + std::to_string(response.status)).c_str() : message.c_str());
  }
  return kBad;
}

std::string text_at(const json::value& value, std::string_view path) {
  boost::system::error_code error;
  const json::value* found = value.find_pointer({path.data(), path.size()}, error);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : "";
}

}  // namespace remora::ctl
