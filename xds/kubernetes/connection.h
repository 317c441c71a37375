#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "remora/core/result.h"

namespace boost::asio::ssl {
class context;
}

namespace remora::kubernetes {

/// Whom a connection is to.
struct Peer {
  std::string host;
  std::string port;
  std::string authority;    ///< what the Host field says
  std::string server_name;  ///< whose certificate it must be
  bool verify = true;
  std::shared_ptr<boost::asio::ssl::context> tls;  ///< null: plain text
};

struct Message {
  std::string method;
  std::string target;
  std::string authorization;
  std::string content_type;
  std::string body;
};

/// What an exchange tells, all from the event loop.
struct Exchange {
  std::function<void(unsigned status)> on_head;
  /// False gives the exchange up; `why` then ends it.
  std::function<bool(std::string_view data, std::string& why)> on_data;
  /// Once, unless the connection is closed before. `lost`: not a byte of an answer came.
  std::function<void(Result<void> result, bool lost)> done;
  std::chrono::milliseconds limit{60'000};  ///< until the answer's end; with `endless`: until its head
  bool endless = false;
};

/// One HTTP/1.1 connection to an API server, for one exchange after the other. Connects with the first.
/// Control thread only.
class Connection {
 public:
  virtual ~Connection() = default;

  virtual void start(Message message, Exchange exchange) = 0;
  /// Whether another exchange may follow: the last one ended well, and the server has not closed since.
  virtual bool reusable() = 0;
  /// Whether it has begun an exchange before the present one.
  virtual bool used() const = 0;
  virtual const Peer& peer() const = 0;
  /// Ends without a callback.
  virtual void close() = 0;
};

std::shared_ptr<Connection> make_connection(boost::asio::io_context& context, Peer peer);

}  // namespace remora::kubernetes
