#include "control_plane/admin_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <exception>

namespace remora::xds {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr std::chrono::seconds kRequestTimeout{30};
constexpr int kMaxConnections = 64;
constexpr auto kNoThrow = asio::as_tuple(asio::deferred);

using Response = http::response<http::string_body>;

Response respond(const http::request<http::empty_body>& request, const AdminServer::Answer& answer) {
  const bool head = request.method() == http::verb::head;
  Page page = head || request.method() == http::verb::get
                  ? answer({request.target().data(), request.target().size()})
                  : text_page("only GET is allowed\n", 405);
  Response response;
  response.version(request.version());
  response.result(page.status);
  response.set(http::field::server, "remora-control");
  response.set(http::field::content_type, page.content_type);
  response.set(http::field::cache_control, "no-cache, max-age=0");
  response.keep_alive(request.keep_alive());
  response.content_length(page.body.size());
  if (!head) response.body() = std::move(page.body);
  return response;
}

/// Serves one connection until it ends, in whatever way.
asio::awaitable<void> serve(tcp::socket socket, const AdminServer::Answer& answer) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer(64 * 1024);
  for (;;) {
    stream.expires_after(kRequestTimeout);
    http::request<http::empty_body> request;
    const auto [read_error, read] = co_await http::async_read(stream, buffer, request, kNoThrow);
    if (read_error) break;
    const Response response = respond(request, answer);
    stream.expires_after(kRequestTimeout);
    const auto [write_error, written] = co_await http::async_write(stream, response, kNoThrow);
    if (write_error || !response.keep_alive()) break;
  }
  boost::system::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

Result<tcp::endpoint> parse_endpoint(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return Error{"\"" + address + "\" is not HOST:PORT"};
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error) return Error{"\"" + host + "\" is no IP address"};
  const std::string digits = address.substr(colon + 1);
  const bool numeric =
      !digits.empty() && digits.size() <= 5 && digits.find_first_not_of("0123456789") == std::string::npos;
  if (!numeric || std::stoi(digits) > 65535) return Error{"\"" + digits + "\" is no port"};
  return tcp::endpoint(ip, static_cast<uint16_t>(std::stoi(digits)));
}

std::string to_text(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(endpoint.port());
}

}  // namespace

AdminServer::AdminServer(asio::io_context& context, Answer answer)
    : context_(context),
      acceptor_(context),
      answer_(std::move(answer)) {}

Result<std::string> AdminServer::listen(const std::string& address) {
  const auto endpoint = parse_endpoint(address);
  if (!endpoint.ok()) return Error{endpoint.error()};
  boost::system::error_code error;
  acceptor_.open(endpoint->protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(*endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return Error{"cannot listen on " + address + ": " + error.message()};
  accept();
  return to_text(acceptor_.local_endpoint());
}

void AdminServer::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

void AdminServer::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (!error && connections_ < kMaxConnections) {
      ++connections_;
      asio::co_spawn(context_, serve(std::move(socket), answer_),
                     [this](std::exception_ptr) { --connections_; });
    }
    accept();
  });
}

}  // namespace remora::xds
