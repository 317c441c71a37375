#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "web/http_message.h"

namespace boost::asio::ssl {
class context;
}

namespace remora::web {

/// Whom a connection is to.
struct Peer {
  std::string host;  ///< who is connected to: the server, or a proxy in front of it
  std::string port;
  std::string server_name;  ///< whose certificate it must be
  bool verify = true;
  std::shared_ptr<boost::asio::ssl::context> tls;  ///< null: plain text
  std::string tunnel;  ///< HOST:PORT that a proxy is asked to connect to, for TLS; empty: there is no proxy
};

/// What an exchange tells, all from the event loop.
struct Exchange {
  std::function<void(const Response& head)> on_head;  ///< its body is empty
  /// False gives the exchange up; `why` then ends it.
  std::function<bool(std::string_view data, std::string& why)> on_data;
  /// Once, unless the connection is closed before. `lost`: not a byte of an answer came.
  std::function<void(Result<void> result, bool lost)> done;
  std::chrono::milliseconds limit{60'000};  ///< until the answer's end; with `endless`: until its head
  bool endless = false;
};

/// One HTTP/1.1 connection to a server, for one exchange after the other. Connects with the first, for which
/// it has ten seconds. Its own pending operations keep it alive. Control thread only.
class ClientConnection {
 public:
  virtual ~ClientConnection() = default;

  /// Sends `request` as it stands, but for the fields that frame its body. Not before the exchange before is
  /// done.
  virtual void start(Request request, Exchange exchange) = 0;
  /// Whether another exchange may follow: the last one ended well, and the server has not closed since.
  virtual bool reusable() = 0;
  /// Whether it has begun an exchange before the present one.
  virtual bool used() const = 0;
  virtual const Peer& peer() const = 0;
  /// Ends without a callback.
  virtual void close() = 0;
};

std::shared_ptr<ClientConnection> make_client_connection(boost::asio::io_context& context, Peer peer);

}  // namespace remora::web
