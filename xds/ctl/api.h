#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "ctl/arguments.h"
#include "web/http_client.h"

namespace remora::ctl {

/// Where the API is and how it is talked to: what the global flags and the environment say.
struct Connection {
  std::string url;      ///< "https://HOST:PORT"
  std::string address;  ///< "HOST:PORT"
  std::string token;
  web::ClientOptions options;
};

Result<Connection> connection_of(const Arguments& arguments);

/// What a request carries besides its address.
struct Sending {
  web::Verb method = web::Verb::get;
  std::string accept = "application/json";
  std::string content_type = {};
  std::string body = {};
};

/// The control plane's API, one request at a time.
class Api {
 public:
  explicit Api(Connection connection) : connection_(std::move(connection)) {}

  /// Whatever the status; an error where there is no answer.
  Result<web::Response> call(const std::string& target, Sending sending = {}) const;

  /// Each line of an answer without an end, until `on_line` returns false or the server ends it: then its
  /// status. The body of an answer other than 200 goes to `on_line` too.
  Result<unsigned> lines(const std::string& target, Sending sending,
                         const std::function<bool(unsigned status, std::string_view line)>& on_line) const;

 private:
  web::Request request(const std::string& target, Sending sending) const;

  Connection connection_;
};

/// The body as JSON; an error where it is none.
Result<boost::json::value> json_of(const web::Response& response);

/// Says what the server has against it, in kubectl's form, and returns kBad.
int refused(const web::Response& response);

/// A string below `path` ("/metadata/name"); empty where there is none.
std::string text_at(const boost::json::value& value, std::string_view path);

}  // namespace remora::ctl
