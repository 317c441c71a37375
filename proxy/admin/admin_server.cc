#include "admin/admin_server.h"

#include <ctime>
#include <list>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "admin/admin_view.h"
#include "admin/commands.h"
#include "admin/listen_socket.h"
#include "remora/core/stats.h"

namespace remora {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;

using Executor = asio::io_context::executor_type;
using SocketProtocol = asio::generic::stream_protocol;
using Socket = asio::basic_stream_socket<SocketProtocol, Executor>;
using Acceptor = asio::basic_socket_acceptor<SocketProtocol, Executor>;
using Stream = beast::basic_stream<SocketProtocol, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
template <typename T>
using Awaitable = asio::awaitable<T, Executor>;

// Errors come back as values: nothing throws in these coroutines.
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable_t<Executor>());

constexpr size_t kMaxConnections = 16;
constexpr uint32_t kMaxHeadBytes = 16 * 1024;
constexpr uint64_t kMaxBodyBytes = 64 * 1024;
constexpr std::chrono::seconds kStallTimeout{30};
constexpr std::chrono::milliseconds kAcceptPause{100};

// The statistics of the admin's own listener, a few of Envoy's.
enum Stat : size_t { kCxTotal, kCxActive, kCxDestroy, kCxOverflow, kStats };
constexpr StatDef kSchema[kStats] = {
    {.name = "downstream_cx_total"},
    {.name = "downstream_cx_active", .kind = StatKind::kGauge},
    {.name = "downstream_cx_destroy"},
    {.name = "downstream_cx_overflow"},   // turned away: all connections were busy
};

// One client. `idle` between two requests: then it may be closed to make room for another.
struct Connection {
  explicit Connection(Socket socket) : stream(std::move(socket)) {}
  Stream stream;
  bool idle = true;
};

}  // namespace

struct AdminServer::State {
  State(asio::io_context& context, AdminSources all, Address where)
      : io(context),
        sources(std::move(all)),
        address(std::move(where)),
        acceptor(context),
        scope(sources.stats.make_scope(
            kSchema, {.prefix = "listener.admin.", .prometheus_prefix = "envoy_listener_admin_", .tags = {}})),
        stats(scope->block(0)) {}

  asio::io_context& io;
  AdminSources sources;
  Address address;
  Acceptor acceptor;
  std::shared_ptr<StatScope> scope;
  StatBlock& stats;
  std::list<std::shared_ptr<Connection>> connections;   // oldest first
  bool stopped = false;
};

namespace {

using State = AdminServer::State;
using StatePtr = std::shared_ptr<State>;

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  const size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, length);
}

template <typename Body>
void set_head(http::response<Body>& message, const admin::Response& answer, unsigned version, bool keep_alive) {
  message.version(version);
  message.result(answer.status);
  message.set(http::field::content_type, beast::string_view(answer.content_type.data(), answer.content_type.size()));
  message.set(http::field::cache_control, "no-cache, max-age=0");
  message.set("x-content-type-options", "nosniff");
  message.set(http::field::date, http_date());
  message.set(http::field::server, "envoy");   // as Envoy's admin interface answers
  message.keep_alive(keep_alive);
}

Awaitable<bool> write_whole(Stream& stream, admin::Response& answer, unsigned version, bool keep_alive, bool head_only) {
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
Awaitable<bool> write_pieces(Stream& stream, admin::Response& answer, unsigned version, bool keep_alive, bool head_only) {
  http::response<http::buffer_body> message;
  set_head(message, answer, version, keep_alive);
  message.chunked(version >= 11);   // for HTTP/1.0 the end of the connection ends the body
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

Awaitable<bool> write_answer(Stream& stream, admin::Response& answer, unsigned version, bool keep_alive, bool head_only) {
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

admin::Request to_request(const http::request<http::string_body>& message) {
  const auto method = message.method_string();
  const auto target = message.target();
  admin::Request request({method.data(), method.size()}, {target.data(), target.size()});
  if (message[http::field::content_type].starts_with("application/x-www-form-urlencoded")) {
    request.add_form(message.body());
  }
  return request;
}

// Reads one request and answers it; whether another may follow.
Awaitable<bool> serve_one(State& state, Connection& connection, beast::flat_buffer& buffer) {
  Stream& stream = connection.stream;
  http::request_parser<http::string_body> parser;
  parser.header_limit(kMaxHeadBytes);
  parser.body_limit(kMaxBodyBytes);
  connection.idle = buffer.size() == 0;
  stream.expires_after(kStallTimeout);
  auto [error, bytes] = co_await http::async_read(stream, buffer, parser, kAsTuple);
  if (state.stopped) co_return false;
  connection.idle = false;
  if (error) {
    const unsigned status = status_for(error);
    auto refusal = admin::Response::text(error.message() + "\n", status);
    if (status != 0) co_await write_answer(stream, refusal, 11, false, false);
    co_return false;
  }

  const auto& message = parser.get();
  admin::Response answer = admin::answer(to_request(message), state.sources);
  const unsigned version = message.version();
  const bool keep_alive = message.keep_alive() && (!answer.more || version >= 11);
  const bool written = co_await write_answer(stream, answer, version, keep_alive, message.method() == http::verb::head);
  if (answer.afterwards && !state.stopped) answer.afterwards();
  co_return written && keep_alive && !state.stopped;
}

void close(Connection& connection) {
  ErrorCode ignored;
  connection.stream.socket().shutdown(asio::socket_base::shutdown_both, ignored);
  connection.stream.close();
}

Awaitable<void> serve(StatePtr state, std::shared_ptr<Connection> connection) {
  beast::flat_buffer buffer(kMaxHeadBytes + kMaxBodyBytes);
  while (co_await serve_one(*state, *connection, buffer)) {
  }
  close(*connection);
  state->connections.remove(connection);
  state->stats.sub(kCxActive);
  state->stats.add(kCxDestroy);
}

// Room for one more: closes the idle connection that is with us longest. False: all are busy.
bool make_room(State& state) {
  if (state.connections.size() < kMaxConnections) return true;
  for (auto at = state.connections.begin(); at != state.connections.end(); ++at) {
    if (!(*at)->idle) continue;
    close(**at);
    state.connections.erase(at);
    return true;
  }
  return false;
}

Awaitable<void> accept_connections(StatePtr state) {
  Timer pause(state->io);
  while (!state->stopped) {
    auto [error, socket] = co_await state->acceptor.async_accept(kAsTuple);
    if (state->stopped) co_return;
    if (error || !make_room(*state)) {
      // No descriptor left, or sixteen busy clients: wait a little instead of spinning. A client turned away here
      // sees its connection closed.
      if (!error) state->stats.add(kCxOverflow);
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kAsTuple);
      continue;
    }
    state->stats.add(kCxTotal);
    state->stats.add(kCxActive);
    auto connection = std::make_shared<Connection>(std::move(socket));
    state->connections.push_back(connection);
    asio::co_spawn(state->io.get_executor(), serve(state, std::move(connection)), asio::detached);
  }
}

}  // namespace

AdminServer::AdminServer(asio::io_context& io, AdminSources sources, Address address)
    : state_(std::make_shared<State>(io, std::move(sources), std::move(address))) {}

AdminServer::~AdminServer() { stop(); }

Result<Address> AdminServer::start() {
  Result<admin::ListenSocket> listening = admin::open_listen_socket(state_->address);
  if (!listening) return std::move(listening).error();
  state_->acceptor.assign(SocketProtocol(state_->address.family(), 0), listening->fd);
  asio::co_spawn(state_->io.get_executor(), accept_connections(state_), asio::detached);
  return listening->bound;
}

void AdminServer::stop() {
  if (state_->stopped) return;
  state_->stopped = true;
  ErrorCode ignored;
  state_->acceptor.close(ignored);
  for (const auto& connection : state_->connections) close(*connection);
}

}  // namespace remora
