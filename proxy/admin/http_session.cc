#include "admin/http_session.h"

#include <ctime>
#include <memory>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "admin/commands.h"

namespace remora::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using Stream = beast::basic_stream<SocketProtocol, Executor>;
using SteadyClock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<SteadyClock, asio::wait_traits<SteadyClock>, Executor>;

// Errors come back as values: nothing throws in these coroutines.
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable_t<Executor>());

constexpr uint32_t kMaxHeadBytes = 16 * 1024;
constexpr uint64_t kMaxBodyBytes = 64 * 1024;
constexpr std::chrono::seconds kStallTimeout{30};
constexpr std::chrono::milliseconds kLinger{1000};

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  const size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, length);
}

template <typename Body>
void set_head(http::response<Body>& message, const Response& answer, unsigned version, bool keep_alive) {
  message.version(version);
  message.result(answer.status);
  message.set(http::field::content_type,
              beast::string_view(answer.content_type.data(), answer.content_type.size()));
  message.set(http::field::cache_control, "no-cache, max-age=0");
  message.set("x-content-type-options", "nosniff");
  message.set(http::field::date, http_date());
  message.set(http::field::server, "envoy");  // as Envoy's admin interface answers
  message.keep_alive(keep_alive);
}

Awaitable<bool> write_whole(Stream& stream, Response& answer, unsigned version, bool keep_alive,
                            bool head_only) {
  http::response<http::string_body> message;
  message.body() = std::move(answer.body);
  set_head(message, answer, version, keep_alive);
  message.prepare_payload();
  http::response_serializer<http::string_body> serializer(message);
  stream.expires_after(kStallTimeout);
  if (head_only) {
    auto [error, bytes] = co_await http::async_write_header(stream, serializer, kAsTuple);
    co_return !error;
  }
  auto [error, bytes] = co_await http::async_write(stream, serializer, kAsTuple);
  co_return !error;
}

// Asks for one piece after the other and writes each before it asks for the next.
Awaitable<bool> write_pieces(Stream& stream, Response& answer, unsigned version, bool keep_alive,
                             bool head_only) {
  http::response<http::buffer_body> message;
  set_head(message, answer, version, keep_alive);
  message.chunked(version >= 11);  // for HTTP/1.0 the end of the connection ends the body
  message.body().data = nullptr;
  message.body().more = true;
  http::response_serializer<http::buffer_body> serializer(message);
  stream.expires_after(kStallTimeout);
  auto [head_error, head_bytes] = co_await http::async_write_header(stream, serializer, kAsTuple);
  if (head_error || head_only) co_return !head_error;

  std::string piece;
  do {
    piece.clear();
    message.body().more = answer.more(piece);
    message.body().data = piece.empty() ? nullptr : piece.data();
    message.body().size = piece.size();
    if (piece.empty() && message.body().more) continue;
    stream.expires_after(kStallTimeout);
    auto [error, bytes] = co_await http::async_write(stream, serializer, kAsTuple);
    if (error && error != http::error::need_buffer) co_return false;
  } while (message.body().more);
  co_return true;
}

Awaitable<bool> write_answer(Stream& stream, Response& answer, unsigned version, bool keep_alive,
                             bool head_only) {
  if (answer.more) co_return co_await write_pieces(stream, answer, version, keep_alive, head_only);
  co_return co_await write_whole(stream, answer, version, keep_alive, head_only);
}

// The answer to a request that cannot be read; 0: the peer is gone or too slow, there is nobody to answer.
unsigned status_for(const ErrorCode& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  const bool peer_gone = error == http::error::end_of_stream || error == http::error::partial_message;
  return error.category() == make_error_code(http::error::bad_method).category() && !peer_gone ? 400 : 0;
}

Request to_request(const http::request<http::string_body>& message) {
  const auto method = message.method_string();
  const auto target = message.target();
  Request request({method.data(), method.size()}, {target.data(), target.size()});
  if (message[http::field::content_type].starts_with("application/x-www-form-urlencoded")) {
    request.add_form(message.body());
  } else {
    request.set_body(message.body());
  }
  return request;
}

// An answer that others are asked for, and who waits for it.
struct Coming {
  explicit Coming(const Executor& executor) : told(executor, Timer::time_point::max()) {}
  Timer told;  // cancelled when it is there
  std::optional<Response> response;
};

// The answer itself, of one that is only begun.
Awaitable<Response> come(Response answer) {
  if (!answer.later) co_return answer;
  const auto coming = std::make_shared<Coming>(co_await asio::this_coro::executor);
  answer.later([coming](Response response) {
    coming->response = std::move(response);
    coming->told.cancel();
  });
  while (!coming->response) co_await coming->told.async_wait(kAsTuple);
  co_return std::move(*coming->response);
}

// Reads one request and answers it; whether another may follow.
Awaitable<bool> serve_one(AdminSources& sources, HttpSession& session, beast::flat_buffer& buffer) {
  Stream& stream = session.stream;
  http::request_parser<http::string_body> parser;
  parser.header_limit(kMaxHeadBytes);
  parser.body_limit(kMaxBodyBytes);
  session.idle = buffer.size() == 0;
  stream.expires_after(kStallTimeout);
  auto [error, bytes] = co_await http::async_read(stream, buffer, parser, kAsTuple);
  if (session.stopped) co_return false;
  session.idle = false;
  if (error) {
    const unsigned status = status_for(error);
    auto refusal = Response::text(error.message() + "\n", status);
    if (status != 0) co_await write_answer(stream, refusal, 11, false, false);
    co_return false;
  }

  const auto& message = parser.get();
  stream.expires_never();  // what others are asked for has limits of its own
  Response answer = co_await come(admin::answer(to_request(message), sources));
  if (session.stopped) co_return false;
  const unsigned version = message.version();
  const bool keep_alive = message.keep_alive() && (!answer.more || version >= 11);
  const bool written =
      co_await write_answer(stream, answer, version, keep_alive, message.method() == http::verb::head);
  if (answer.afterwards && !session.stopped) answer.afterwards();
  co_return written&& keep_alive && !session.stopped;
}

// Says that nothing more will come, and reads on for a moment: closing while the peer still sends would
// destroy the answer on its way.
Awaitable<void> linger(HttpSession& session) {
  ErrorCode failed;
  session.stream.socket().shutdown(asio::socket_base::shutdown_send, failed);
  session.idle = true;
  session.stream.expires_after(kLinger);
  char bytes[4096];
  while (!failed) {
    auto [error, count] = co_await session.stream.async_read_some(asio::buffer(bytes), kAsTuple);
    failed = error;
  }
}

}  // namespace

Awaitable<void> serve_requests(HttpSession& session, AdminSources& sources) {
  beast::flat_buffer buffer(kMaxHeadBytes + kMaxBodyBytes);
  while (co_await serve_one(sources, session, buffer)) {}
  if (!session.stopped) co_await linger(session);
}

}  // namespace remora::admin
