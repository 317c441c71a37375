#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/verb.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "remora/core/result.h"

namespace remora::web {

using Verb = boost::beast::http::verb;
using Headers = boost::beast::http::fields;

/// A request as a server's handler gets it, or a client sends it.
struct Request {
  Verb method = Verb::get;
  std::string target;  ///< server: path and query. Client: a whole URL
  Headers headers;
  std::string body;

  std::string_view path() const;  ///< of a server's request, without the query, not decoded
  /// A query parameter, percent-decoded; empty where it is not there.
  std::string query(std::string_view name) const;
  bool has_query(std::string_view name) const;
};

struct Response {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  Headers headers = {};  ///< further ones
};

}  // namespace remora::web
