#include "web/connection.h"

#include <boost/asio/post.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>
#include <limits>

#include "web/responder.h"

namespace remora::web {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;
using http::field;
using std::chrono::seconds;

constexpr uint32_t kHeadLimit = 64 * 1024;
constexpr uint64_t kBodyLimit = 16 * 1024 * 1024;
constexpr size_t kAllBodiesLimit = 128 * 1024 * 1024;
constexpr size_t kOutLimit = 16 * 1024 * 1024;  ///< of a stream: what waits for a slow reader
constexpr size_t kReadSize = 16 * 1024;
constexpr size_t kUnreadLimit = 64 * 1024;  ///< of further requests, while one is being answered

constexpr seconds kIdleLimit{120};  ///< longer than clients keep idle connections, so that they close first
constexpr seconds kRequestLimit{30};
constexpr seconds kWriteLimit{30};  ///< without progress
constexpr seconds kLeaveLimit{2};

Response problem(unsigned status, std::string message) {
  return {status, "text/plain; charset=utf-8", std::move(message) + '\n'};
}

Response explain(const error_code& error) {
  if (error == http::error::body_limit) return problem(413, "the request's body is larger than 16 MiB");
  if (error == http::error::header_limit) return problem(431, "the request's head is larger than 64 KiB");
  return problem(400, "this is no HTTP request: " + error.message());
}

/// Framing that two parsers could read in two ways is not read at all.
bool framing_is_plain(const http::request_header<>& head) {
  const auto codings = head.equal_range(field::transfer_encoding);
  if (codings.first == codings.second) return head.count(field::content_length) <= 1;
  return std::next(codings.first) == codings.second &&
         boost::beast::iequals(codings.first->value(), "chunked") && head.count(field::content_length) == 0;
}

}  // namespace

Connection::Connection(std::shared_ptr<ServerState> server, std::unique_ptr<Transport> transport)
    : server_(std::move(server)),
      transport_(std::move(transport)),
      deadline_(server_->context),
      scratch_(kReadSize, '\0') {
  server_->connections.insert(this);
}

Connection::~Connection() {
  server_->connections.erase(this);
  server_->body_bytes -= counted_;
}

void Connection::start() {
  arm(kRequestLimit);
  transport_->handshake([self = shared_from_this()](error_code error) {
    if (error) return self->close();
    self->await_request();
    self->read();
  });
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  deadline_.cancel();
  transport_->close();
  gone();
}

std::optional<std::chrono::steady_clock::time_point> Connection::idle_since() const {
  if (state_ != State::kHead || !unread_.empty()) return std::nullopt;
  return awaiting_since_;
}

/// Tells whoever streams, once, that nobody listens any more.
void Connection::gone() {
  if (auto told = std::exchange(on_gone_, nullptr)) told();
}

void Connection::await_request() {
  state_ = State::kHead;
  awaiting_since_ = std::chrono::steady_clock::now();
  ++exchange_;
  server_->body_bytes -= std::exchange(counted_, 0);
  parser_.emplace();
  parser_->header_limit(kHeadLimit);
  parser_->body_limit(kBodyLimit);
  parser_->eager(false);
  arm(unread_.empty() ? kIdleLimit : kRequestLimit);
}

// --- reading
// ------------------------------------------------------------------------------------------------

void Connection::read() {
  const bool full = state_ != State::kHead && state_ != State::kBody && unread_.size() >= kUnreadLimit;
  if (reading_ || full || state_ == State::kClosed) return;
  reading_ = true;
  transport_->read_some(boost::asio::buffer(scratch_),
                        [self = shared_from_this()](error_code error, size_t size) {
                          self->reading_ = false;
                          self->on_read(error, size);
                        });
}

void Connection::on_read(error_code error, size_t size) {
  if (state_ == State::kClosed) return;
  if (error) return close();  // also its FIN: a client that has stopped talking has left
  if (state_ != State::kLeaving) {
    if (state_ == State::kHead && unread_.empty()) arm(kRequestLimit);
    unread_.append(scratch_.data(), size);
    parse();
  }
  read();
}

void Connection::parse() {
  parsing_ = true;
  bool more = true;
  while (more && !unread_.empty() && (state_ == State::kHead || state_ == State::kBody)) {
    error_code error;
    const size_t used = parser_->put(boost::asio::buffer(unread_), error);
    unread_.erase(0, used);
    more = used > 0;
    if (error == http::error::need_more) error = {};
    if (error) {
      refuse(explain(error));
    } else if (state_ == State::kHead && parser_->is_header_done()) {
      more = true;
      on_head();
    }
    if (state_ == State::kBody) on_body();
  }
  parsing_ = false;
}

void Connection::on_head() {
  const auto& head = parser_->get();
  keep_alive_ = head.keep_alive();
  head_only_ = head.method() == http::verb::head;
  chunked_ = head.version() >= 11;
  if (!framing_is_plain(head))
    return refuse(problem(400, "the request's length is told in more than one way"));
  if (auto answer = server_->guard.refuse(head, transport_->certified())) return refuse(std::move(*answer));
  state_ = State::kBody;
  parser_->eager(true);
  if (boost::beast::iequals(head[field::expect], "100-continue")) send("HTTP/1.1 100 Continue\r\n\r\n");
}

void Connection::on_body() {
  const size_t size = parser_->get().body().size();
  server_->body_bytes += size - counted_;
  counted_ = size;
  if (server_->body_bytes > kAllBodiesLimit) return refuse(problem(503, "too many large requests at a time"));
  if (parser_->is_done()) dispatch();
}

void Connection::dispatch() {
  state_ = State::kAnswering;
  deadline_.cancel();
  auto message = parser_->release();
  Request request;
  request.method = message.method();
  request.target = std::string(message.target());
  request.body = std::move(message.body());
  request.headers = std::move(message.base());
  server_->handler(std::move(request), std::make_shared<ConnectionResponder>(shared_from_this(), exchange_));
}

/// Answers what cannot be served, and takes nothing more from this client.
void Connection::refuse(Response response) {
  keep_alive_ = false;
  state_ = State::kAnswering;
  respond(exchange_, std::move(response));
}

// --- answering
// ----------------------------------------------------------------------------------------------

void Connection::respond(uint64_t exchange, Response response) {
  if (exchange != exchange_ || state_ != State::kAnswering) return;
  send(head_text(response, false));
  if (!head_only_ && !response.body.empty()) send(std::move(response.body));
  finish_exchange();
}

void Connection::begin(uint64_t exchange, Response head) {
  if (exchange != exchange_ || state_ != State::kAnswering) return;
  if (!chunked_) keep_alive_ = false;
  state_ = State::kStreaming;
  send(head_text(head, true));
  if (!head.body.empty()) write(exchange, std::move(head.body));
}

bool Connection::write(uint64_t exchange, std::string chunk) {
  if (exchange != exchange_ || state_ != State::kStreaming) return false;
  if (chunk.empty() || head_only_) return true;
  if (out_bytes_ + chunk.size() > kOutLimit) {
    close();
    return false;
  }
  if (chunked_) {
    char size[24];
    std::snprintf(size, sizeof(size), "%zx\r\n", chunk.size());
    chunk.insert(0, size).append("\r\n");
  }
  send(std::move(chunk));
  return true;
}

void Connection::end(uint64_t exchange) {
  if (exchange != exchange_ || state_ != State::kStreaming) return;
  if (chunked_ && !head_only_) send("0\r\n\r\n");
  finish_exchange();
}

void Connection::on_gone(uint64_t exchange, std::function<void()> told) {
  const bool running = state_ == State::kAnswering || state_ == State::kStreaming;
  if (exchange == exchange_ && running) {
    on_gone_ = std::move(told);
  } else if (exchange == exchange_ && state_ == State::kClosed) {
    boost::asio::post(server_->context, std::move(told));
  }
}

void Connection::finish_exchange() {
  on_gone_ = nullptr;
  if (!keep_alive_) return leave();
  await_request();
  if (parsing_ || unread_.empty()) return read();  // parse() goes on by itself
  boost::asio::post(server_->context, [self = shared_from_this()] {
    if (self->state_ == State::kHead) self->parse();
    self->read();
  });
}

/// Closing at once while the client still sends could destroy the answer before it is read.
void Connection::leave() {
  state_ = State::kLeaving;
  ++exchange_;
  unread_.clear();
  if (!writing_ && out_.empty()) {
    transport_->end_writing();
    arm(kLeaveLimit);
  }
  read();
}

void Connection::send(std::string bytes) {
  out_bytes_ += bytes.size();
  out_.push_back(std::move(bytes));
  flush();
}

void Connection::flush() {
  if (writing_ || out_.empty() || state_ == State::kClosed) return;
  writing_ = true;
  if (state_ != State::kHead && state_ != State::kBody) arm(kWriteLimit);
  const auto rest = boost::asio::buffer(out_.front()) + sent_of_first_;
  transport_->write_some(rest, [self = shared_from_this()](error_code error, size_t size) {
    self->writing_ = false;
    self->on_written(error, size);
  });
}

void Connection::on_written(error_code error, size_t size) {
  if (state_ == State::kClosed) return;
  if (error) return close();
  out_bytes_ -= size;
  sent_of_first_ += size;
  if (sent_of_first_ == out_.front().size()) {
    out_.pop_front();
    sent_of_first_ = 0;
  }
  if (!out_.empty()) return flush();
  if (state_ == State::kLeaving) return leave();
  if (state_ == State::kAnswering || state_ == State::kStreaming) deadline_.cancel();
}

void Connection::arm(seconds limit) {
  deadline_.expires_after(limit);
  deadline_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (!error && self != nullptr) self->close();
  });
}

std::string Connection::head_text(const Response& response, bool stream) const {
  const auto reason = http::obsolete_reason(http::int_to_status(response.status));
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  text.append(reason.data(), reason.size()).append("\r\n");
  const auto add = [&](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\r\n");
  };
  add("Content-Type", response.content_type);
  add("X-Content-Type-Options", "nosniff");
  if (response.headers.count(field::cache_control) == 0) add("Cache-Control", "no-store");
  for (const auto& entry : response.headers) {
    const auto name = entry.name_string();
    const auto value = entry.value();
    add({name.data(), name.size()}, {value.data(), value.size()});
  }
  if (!stream) add("Content-Length", std::to_string(response.body.size()));
  if (stream && chunked_) add("Transfer-Encoding", "chunked");
  if (!keep_alive_) add("Connection", "close");
  return text.append("\r\n");
}

}  // namespace remora::web
