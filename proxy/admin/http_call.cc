#include "admin/http_call.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace remora::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Stream = beast::basic_stream<tcp, Executor>;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable_t<Executor>());

/// From here on the whole exchange has `peer.limit`.
Awaitable<error_code> connect(Stream& stream, const Peer& peer) {
  stream.expires_after(peer.limit);
  error_code error;
  if (peer.source) {
    stream.socket().open(peer.where.protocol(), error);
    if (!error) stream.socket().bind({*peer.source, 0}, error);
    if (error) co_return error;
  }
  auto [failed] = co_await stream.async_connect(peer.where, kAsTuple);
  co_return failed;
}

std::string to_string(beast::string_view text) { return std::string(text.data(), text.size()); }

}  // namespace

Awaitable<Result<void>> try_connect(Peer peer) {
  Stream stream(co_await asio::this_coro::executor);
  const error_code error = co_await connect(stream, peer);
  if (error) co_return Error{error.message()};
  co_return Result<void>();
}

Awaitable<Result<CallAnswer>> http_call(Peer peer, CallRequest wanted) {
  Stream stream(co_await asio::this_coro::executor);
  const error_code unconnected = co_await connect(stream, peer);
  if (unconnected) co_return Error{unconnected.message()};
  http::request<http::empty_body> request(http::string_to_verb(wanted.method), wanted.path, 11);
  request.set(http::field::host, "localhost");
  request.set(http::field::connection, "close");
  if (!wanted.accept.empty()) request.set(http::field::accept, wanted.accept);
  request.prepare_payload();
  auto [unsent, sent] = co_await http::async_write(stream, request, kAsTuple);
  if (unsent) co_return Error{unsent.message()};
  http::response_parser<http::string_body> parser;
  parser.body_limit(wanted.most_body);
  beast::flat_buffer buffer;
  auto [unread, read] = co_await http::async_read(stream, buffer, parser, kAsTuple);
  if (unread) co_return Error{unread.message()};
  auto& answer = parser.get();
  co_return CallAnswer{answer.result_int(), to_string(answer[http::field::content_type]),
                       std::move(answer.body())};
}

}  // namespace remora::admin
