#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>

#include "remora/core/result.h"

namespace boost::asio::ssl {
class context;
}

namespace remora::web {

struct Access;

/// The bytes of one accepted connection, plain or through TLS. One read and one write at a time. Callbacks
/// come from the event loop, never from inside the call; each owns what it needs.
class Transport {
 public:
  using Done = std::function<void(boost::system::error_code, size_t)>;

  virtual ~Transport() = default;
  virtual void handshake(std::function<void(boost::system::error_code)> done) = 0;
  virtual void read_some(boost::asio::mutable_buffer buffer, Done done) = 0;
  virtual void write_some(boost::asio::const_buffer buffer, Done done) = 0;
  /// Whether the peer showed a client certificate that is signed by one of ours.
  virtual bool certified() const = 0;
  virtual void end_writing() = 0;
  virtual void close() = 0;
};

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

/// Null where Access names no certificate.
Result<TlsContext> make_tls_context(const Access& access);

/// TLS with a certificate chain and its key (PEM); clients are asked for nothing.
Result<TlsContext> make_tls_context(const std::string& chain_pem, const std::string& key_pem);

/// `tls` null: plain.
std::unique_ptr<Transport> make_transport(boost::asio::ip::tcp::socket socket, TlsContext tls);

}  // namespace remora::web
