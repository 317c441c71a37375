#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "web/http_message.h"

namespace remora::web {

/// Where an answer goes. Either respond() once, or begin() and then write() until end(). May be kept and
/// answered later; after the peer has gone, calls have no effect. Control thread only.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void respond(Response response) = 0;

  /// Starts an answer of unknown length (chunked): a watch, a stream of events. `body` is its first part.
  virtual void begin(Response head) = 0;
  /// False where the peer has gone, or reads so slowly that more than 16 MiB wait: it is then cut off.
  virtual bool write(std::string chunk) = 0;
  virtual void end() = 0;
  /// Called once, when the peer has gone before end(). Not called after end().
  virtual void on_gone(std::function<void()> gone) = 0;
};

using ResponderPtr = std::shared_ptr<Responder>;
using Handler = std::function<void(Request request, ResponderPtr responder)>;

/// Who may talk to a server, and how. By default: plain text, and anybody on loopback only.
struct Access {
  std::string token_file;        ///< bearer tokens, one a line; empty: no tokens
  std::string certificate_file;  ///< PEM; with the key: TLS only
  std::string private_key_file;
  std::string client_ca_file;  ///< PEM; a client certificate signed by these is as good as a token
  /// No questions asked, on whatever address: for pages that change nothing and tell no secret.
  bool anyone = false;
  /// Further names, without port, under which a server on loopback answers who shows neither.
  std::vector<std::string> hosts = {};
};

/// An HTTP/1.1 server on Asio and Beast for the control thread: bounded requests (16 MiB), bounded
/// connections, keep-alive, streams. On an address other than loopback, a request without a token or client
/// certificate gets 401; listen() fails where Access offers neither. On loopback without Access, requests
/// with a foreign Host or Origin (a web page in somebody's browser) get 403. Access::anyone lifts all of it.
class HttpServer {
 public:
  HttpServer(boost::asio::io_context& context, Handler handler, Access access = {});
  ~HttpServer();

  /// "HOST:PORT" (port 0: a free one) -> the address in use, or why not.
  Result<std::string> listen(const std::string& address);
  /// TLS with this chain and key (PEM), from the next connection on; those that are open keep what they have.
  /// Before listen(): it serves TLS only, whatever Access says of certificates.
  Result<void> use_certificate(const std::string& chain_pem, const std::string& key_pem);
  void close();  ///< stops listening and ends all streams

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace remora::web
