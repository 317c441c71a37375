#include "web/client_connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>

namespace remora::web {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using ErrorCode = beast::error_code;

constexpr size_t kHeadLimit = 64 * 1024;
constexpr size_t kChunk = 64 * 1024;
constexpr std::chrono::seconds kConnectLimit{10};
constexpr std::chrono::seconds kLongestIdle{90};

/// A server that is gone without a word is noticed within about a minute when nothing is said, and within
/// twenty seconds when we have said something.
void watch_for_death(tcp::socket& socket) {
  ErrorCode ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const int idle = 30, interval = 10, count = 3, unacknowledged_ms = 20'000;
  const int fd = socket.native_handle();
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof(unacknowledged_ms));
}

class HttpConnection final : public ClientConnection, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(asio::io_context& context, Peer peer)
      : peer_(std::move(peer)),
        resolver_(context),
        deadline_(context),
        socket_(context) {
    if (peer_.tls != nullptr) tls_.emplace(socket_, *peer_.tls);
  }

  void start(Request request, Exchange exchange) override {
    exchange_ = std::move(exchange);
    used_ = connected_;
    answered_ = false;
    prepare(std::move(request));
    ends_ = std::chrono::steady_clock::now() + exchange_.limit;
    if (connected_) return begin();
    arm(std::min(exchange_.limit, std::chrono::milliseconds(kConnectLimit)), "no connection");
    resolver_.async_resolve(peer_.host, peer_.port, [self = shared_from_this()](ErrorCode error, auto found) {
      if (self->failed(error, "cannot resolve " + self->peer_.host)) return;
      self->socket_.async_connect(found, [self](ErrorCode code, const auto&) { self->on_connected(code); });
    });
  }

  bool reusable() override {
    if (!connected_ || !whole_ || std::chrono::steady_clock::now() - idle_since_ > kLongestIdle) return false;
    // An idle connection has nothing to read, unless the server is done with it.
    char byte = 0;
    const int fd = socket_.socket().native_handle();
    const auto size = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (tls_ && size > 0) return false;  // a session ticket or a goodbye: not worth telling apart
    return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  bool used() const override { return used_; }
  const Peer& peer() const override { return peer_; }

  void close() override {
    exchange_.done = nullptr;
    whole_ = false;
    deadline_.cancel();
    resolver_.cancel();
    socket_.close();
  }

 private:
  void prepare(Request request) {
    request_ = {};
    request_.method(request.method);
    request_.target(request.target);
    request_.version(11);
    for (const auto& field : request.headers) request_.insert(field.name_string(), field.value());
    request_.body() = std::move(request.body);
    request_.prepare_payload();
    parser_.emplace();
    parser_->header_limit(kHeadLimit);
    parser_->body_limit(boost::none);  // what is kept is bounded by who takes it
    if (request.method == Verb::head) parser_->skip(true);
    whole_ = false;
  }

  template <typename Use>
  void with_stream(Use use) {
    if (tls_) {
      use(*tls_);
    } else {
      use(socket_);
    }
  }

  void on_connected(ErrorCode error) {
    if (failed(error, "cannot connect")) return;
    watch_for_death(socket_.socket());
    if (!peer_.tunnel.empty()) return open_tunnel();
    if (tls_) return shake_hands();
    connected_ = true;
    begin();
  }

  /// RFC 9110, 9.3.6: behind the proxy's 2xx the connection leads to the server.
  void open_tunnel() {
    tunnel_request_ = {http::verb::connect, peer_.tunnel, 11};
    tunnel_request_.set(http::field::host, peer_.tunnel);
    tunnel_answer_.skip(true);
    http::async_write(socket_, tunnel_request_, [self = shared_from_this()](ErrorCode, size_t) {});
    http::async_read_header(socket_, buffer_, tunnel_answer_,
                            [self = shared_from_this()](ErrorCode error, size_t) {
                              if (self->failed(error, "the proxy gave no answer")) return;
                              const unsigned status = self->tunnel_answer_.get().result_int();
                              if (status / 100 == 2) return self->shake_hands();
                              self->finish(Error{"the proxy answered with " + std::to_string(status)});
                            });
  }

  void shake_hands() {
    if (peer_.verify) tls_->set_verify_callback(asio::ssl::host_name_verification(peer_.server_name));
    ErrorCode no_address;
    asio::ip::make_address(peer_.server_name, no_address);
    if (no_address) SSL_set_tlsext_host_name(tls_->native_handle(), peer_.server_name.c_str());
    tls_->async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](ErrorCode code) {
      if (self->failed(code, "TLS handshake failed")) return;
      self->connected_ = true;
      self->begin();
    });
  }

  void begin() {
    arm(exchange_.limit, "no answer");
    send();
  }

  void send() {
    with_stream([this](auto& stream) {
      // Whoever refuses a body in the middle has an answer all the same: that counts.
      http::async_write(stream, request_, [self = shared_from_this()](ErrorCode, size_t) {});
      http::async_read_header(stream, buffer_, *parser_,
                              [self = shared_from_this()](ErrorCode error, size_t) { self->on_head(error); });
    });
  }

  void on_head(ErrorCode error) {
    if (failed(error, "no answer")) return;
    answered_ = true;
    if (exchange_.endless) deadline_.cancel();
    if (exchange_.on_head) exchange_.on_head(head());
    read_more();
  }

  Response head() const {
    Response head;
    head.status = parser_->get().result_int();
    head.headers = parser_->get().base();
    head.content_type = std::string(parser_->get()[http::field::content_type]);
    return head;
  }

  void read_more() {
    if (!exchange_.done) return;  // closed inside of a callback
    if (parser_->is_done()) {
      whole_ = parser_->keep_alive() && buffer_.size() == 0;
      return finish({});
    }
    parser_->get().body().data = chunk_.data();
    parser_->get().body().size = chunk_.size();
    with_stream([this](auto& stream) {
      http::async_read_some(stream, buffer_, *parser_,
                            [self = shared_from_this()](ErrorCode error, size_t) { self->on_body(error); });
    });
  }

  void on_body(ErrorCode error) {
    if (!exchange_.done) return;
    if (error == http::error::need_buffer) error = {};
    const size_t size = chunk_.size() - parser_->get().body().size;
    std::string why;
    if (size > 0 && exchange_.on_data && !exchange_.on_data(std::string_view(chunk_.data(), size), why)) {
      return finish(Error{why});
    }
    if (failed(error, "the answer broke off")) return;
    read_more();
  }

  /// `missing` is what the exchange ends with once `limit` since its beginning is over.
  void arm(std::chrono::milliseconds limit, const char* missing) {
    deadline_.expires_at(ends_ - exchange_.limit + limit);
    deadline_.async_wait([weak = weak_from_this(), limit, missing](ErrorCode error) {
      const auto self = weak.lock();
      if (error || self == nullptr || !self->exchange_.done) return;
      self->finish(Error{std::string(missing) + " within " + std::to_string(limit.count()) + " ms"});
    });
  }

  /// True where the exchange is over, with or without this error.
  bool failed(ErrorCode error, const std::string& what) {
    if (!exchange_.done) return true;
    if (!error) return false;
    finish(Error{what + ": " + error.message()});
    return true;
  }

  void finish(Result<void> result) {
    const auto done = std::move(exchange_.done);
    exchange_ = {};
    deadline_.cancel();
    idle_since_ = std::chrono::steady_clock::now();
    if (!result.ok() || !whole_) close();
    if (done) done(std::move(result), !answered_);
  }

  Peer peer_;
  Exchange exchange_;
  tcp::resolver resolver_;
  asio::steady_timer deadline_;
  beast::tcp_stream socket_;
  std::optional<beast::ssl_stream<beast::tcp_stream&>> tls_;
  http::request<http::string_body> request_;
  std::optional<http::response_parser<http::buffer_body>> parser_;
  http::request<http::empty_body> tunnel_request_;
  http::response_parser<http::empty_body> tunnel_answer_;
  beast::flat_buffer buffer_{kHeadLimit + kChunk};
  std::array<char, kChunk> chunk_;
  std::chrono::steady_clock::time_point ends_;  ///< when the present exchange's limit is over
  std::chrono::steady_clock::time_point idle_since_;
  bool connected_ = false;
  bool used_ = false;
  bool answered_ = false;
  bool whole_ = false;  ///< the last answer was complete, and the server keeps the connection
};

}  // namespace

std::shared_ptr<ClientConnection> make_client_connection(asio::io_context& context, Peer peer) {
  return std::make_shared<HttpConnection>(context, std::move(peer));
}

}  // namespace remora::web
