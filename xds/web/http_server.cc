#include "web/http_server.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <vector>

#include "web/connection.h"
#include "web/listen_address.h"

namespace remora::web {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kMaxConnections = 512;
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& context, Handler handler, Access access)
      : context_(context),
        acceptor_(context),
        pause_(context),
        handler_(std::move(handler)),
        access_(std::move(access)) {}

  Result<std::string> listen(const std::string& address) {
    const auto endpoint = parse_listen_address(address);
    if (!endpoint.ok()) return Error{endpoint.error()};
    auto guard = Guard::make(access_, endpoint->address().is_loopback());
    if (!guard.ok()) return Error{address + ": " + guard.error().message};
    if (tls_ == nullptr) {
      auto tls = make_tls_context(access_);
      if (!tls.ok()) return Error{tls.error()};
      tls_ = *tls;
    }
    error_code error;
    acceptor_.open(endpoint->protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(*endpoint, error);
    if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
    if (error) return Error{"cannot listen on " + address + ": " + error.message()};
    state_ = std::make_shared<ServerState>(ServerState{context_, std::move(handler_), std::move(*guard)});
    accept();
    return to_text(acceptor_.local_endpoint());
  }

  Result<void> use_certificate(const std::string& chain_pem, const std::string& key_pem) {
    auto tls = make_tls_context(chain_pem, key_pem);
    if (!tls.ok()) return Error{tls.error()};
    tls_ = std::move(*tls);
    return {};
  }

  void close() {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    if (state_ == nullptr) return;
    std::vector<std::shared_ptr<Connection>> open;
    for (Connection* connection : state_->connections) {
      if (auto alive = connection->weak_from_this().lock()) open.push_back(std::move(alive));
    }
    for (const auto& connection : open) connection->close();
  }

 private:
  /// Where all places are taken, the connection that has asked for nothing the longest goes: who only holds
  /// connections keeps nobody out. False where all are busy.
  bool make_room() {
    if (state_->connections.size() < kMaxConnections) return true;
    std::shared_ptr<Connection> longest;
    for (Connection* connection : state_->connections) {
      const auto since = connection->idle_since();
      if (since && (longest == nullptr || *since < *longest->idle_since()))
        longest = connection->shared_from_this();
    }
    if (longest != nullptr) longest->close();
    return longest != nullptr;
  }

  void accept() {
    acceptor_.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
      if (!self->acceptor_.is_open()) return;
      if (error) return self->accept_later();
      if (self->make_room()) {
        auto transport = make_transport(std::move(socket), self->tls_);
        std::make_shared<Connection>(self->state_, std::move(transport))->start();
      }
      self->accept();
    });
  }

  /// Where no descriptor is left, trying again at once would take the thread for itself.
  void accept_later() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error && self->acceptor_.is_open()) self->accept();
    });
  }

  boost::asio::io_context& context_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  Handler handler_;
  Access access_;
  TlsContext tls_;                      ///< of the next connection
  std::shared_ptr<ServerState> state_;  ///< from listen() on
};

HttpServer::HttpServer(boost::asio::io_context& context, Handler handler, Access access)
    : impl_(std::make_shared<Impl>(context, std::move(handler), std::move(access))) {}

HttpServer::~HttpServer() { close(); }

Result<std::string> HttpServer::listen(const std::string& address) { return impl_->listen(address); }

Result<void> HttpServer::use_certificate(const std::string& chain_pem, const std::string& key_pem) {
  return impl_->use_certificate(chain_pem, key_pem);
}

void HttpServer::close() { impl_->close(); }

}  // namespace remora::web
