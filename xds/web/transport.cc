#include "web/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "web/http_server.h"

namespace remora::web {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

/// A peer that is gone without a word is noticed within about a minute, even on a stream that says nothing.
void watch_for_death(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const int idle = 30, interval = 10, count = 3;
  const int fd = socket.native_handle();
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(tcp::socket socket) : socket_(std::move(socket)) {}

  void handshake(std::function<void(error_code)> done) override {
    asio::post(socket_.get_executor(), [done = std::move(done)] { done({}); });
  }
  void read_some(asio::mutable_buffer buffer, Done done) override {
    socket_.async_read_some(buffer, std::move(done));
  }
  void write_some(asio::const_buffer buffer, Done done) override {
    socket_.async_write_some(buffer, std::move(done));
  }
  bool certified() const override { return false; }
  void end_writing() override {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  tcp::socket socket_;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(tcp::socket socket, TlsContext context)
      : context_(std::move(context)),
        stream_(std::move(socket), *context_) {}

  void handshake(std::function<void(error_code)> done) override {
    stream_.async_handshake(ssl::stream_base::server, std::move(done));
  }
  void read_some(asio::mutable_buffer buffer, Done done) override {
    stream_.async_read_some(buffer, std::move(done));
  }
  void write_some(asio::const_buffer buffer, Done done) override {
    stream_.async_write_some(buffer, std::move(done));
  }
  bool certified() const override {
    SSL* session = const_cast<TlsTransport*>(this)->stream_.native_handle();
    return SSL_get0_peer_certificate(session) != nullptr && SSL_get_verify_result(session) == X509_V_OK;
  }
  // Without TLS's own goodbye: every answer tells its length, so nobody can take a cut one for a whole one.
  void end_writing() override {
    error_code ignored;
    stream_.next_layer().shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  TlsContext context_;
  ssl::stream<tcp::socket> stream_;
};

TlsContext new_server_context() {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  error_code ignored;
  context->set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1,
                       ignored);
  return context;
}

}  // namespace

Result<TlsContext> make_tls_context(const std::string& chain_pem, const std::string& key_pem) {
  auto context = new_server_context();
  error_code error;
  context->use_certificate_chain(asio::buffer(chain_pem), error);
  if (error) return Error{"the certificate: " + error.message()};
  context->use_private_key(asio::buffer(key_pem), ssl::context::pem, error);
  if (error) return Error{"the private key: " + error.message()};
  return context;
}

Result<TlsContext> make_tls_context(const Access& access) {
  if (access.certificate_file.empty() != access.private_key_file.empty()) {
    return Error{"a TLS certificate and its private key belong together: one of them is missing"};
  }
  if (access.certificate_file.empty()) {
    if (!access.client_ca_file.empty())
      return Error{"client certificates need TLS: the server has no certificate"};
    return TlsContext();
  }
  auto context = new_server_context();
  error_code error;
  context->use_certificate_chain_file(access.certificate_file, error);
  if (error) return Error{"the certificate " + access.certificate_file + ": " + error.message()};
  context->use_private_key_file(access.private_key_file, ssl::context::pem, error);
  if (error) return Error{"the private key " + access.private_key_file + ": " + error.message()};
  if (access.client_ca_file.empty()) return context;
  context->load_verify_file(access.client_ca_file, error);
  if (error) return Error{"the client CA " + access.client_ca_file + ": " + error.message()};
  // Without a certificate the handshake still succeeds: the request may carry a token instead.
  context->set_verify_mode(ssl::verify_peer, error);
  if (SSL_CTX_set_session_id_context(context->native_handle(),
                                     reinterpret_cast<const unsigned char*>("remora"), 6) != 1) {
    return Error{"TLS sessions cannot be set up"};
  }
  return context;
}

std::unique_ptr<Transport> make_transport(tcp::socket socket, TlsContext tls) {
  watch_for_death(socket);
  if (tls == nullptr) return std::make_unique<PlainTransport>(std::move(socket));
  return std::make_unique<TlsTransport>(std::move(socket), std::move(tls));
}

}  // namespace remora::web
