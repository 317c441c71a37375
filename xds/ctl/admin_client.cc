#include "ctl/admin_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <limits>

namespace remora::ctl {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

/// One request, its steps chained; the first fault ends it.
class Request {
 public:
  Request(const std::string& address, const std::string& target) : address_(address) {
    request_.method(http::verb::get);
    request_.target(target);
    request_.version(11);
    request_.set(http::field::host, address);
    request_.set(http::field::connection, "close");
    parser_.body_limit(std::numeric_limits<uint64_t>::max());  // a config dump of a large mesh is large
  }

  Result<std::string> run() {
    const size_t colon = address_.rfind(':');
    if (colon == std::string::npos) return Error{"\"" + address_ + "\" is not HOST:PORT"};
    std::string host = address_.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    boost::system::error_code error;
    asio::ip::tcp::resolver resolver(context_);
    const auto endpoints = resolver.resolve(host, address_.substr(colon + 1), error);
    if (error) return Error{address_ + ": " + error.message()};
    stream_.expires_after(std::chrono::seconds(10));
    stream_.async_connect(endpoints, [this](const auto& failure, const auto&) {
      if (!failed(failure)) write();
    });
    context_.run();
    if (failure_) return Error{"no answer from the control plane at " + address_ + ": " + failure_.message()};
    if (parser_.get().result() != http::status::ok) {
      return Error{"the control plane answers " + std::to_string(parser_.get().result_int()) + ": " +
                   parser_.get().body()};
    }
    return parser_.get().body();
  }

 private:
  bool failed(const boost::system::error_code& error) {
    failure_ = error;
    return bool(error);
  }

  void write() {
    http::async_write(stream_, request_, [this](const auto& failure, size_t) {
      if (!failed(failure)) read();
    });
  }

  void read() {
    http::async_read(stream_, buffer_, parser_, [this](const auto& failure, size_t) { failed(failure); });
  }

  const std::string& address_;
  asio::io_context context_{1};
  boost::beast::tcp_stream stream_{context_};
  http::request<http::empty_body> request_;
  http::response_parser<http::string_body> parser_;
  boost::beast::flat_buffer buffer_;
  boost::system::error_code failure_;
};

}  // namespace

Result<std::string> admin_get(const std::string& address, const std::string& target) {
  return Request(address, target).run();
}

}  // namespace remora::ctl
