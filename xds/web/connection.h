#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "web/guard.h"
#include "web/http_server.h"
#include "web/transport.h"

namespace remora::web {

class Connection;

/// What the connections of a server have in common.
struct ServerState {
  boost::asio::io_context& context;
  Handler handler;
  Guard guard;
  std::set<Connection*> connections = {};
  size_t body_bytes = 0;  ///< that requests being read hold together
};

/// One client: reads a request, hands it to the handler, sends the answer, and again. A read is always under
/// way, so that a client that leaves while its answer is prepared or streamed is noticed.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerState> server, std::unique_ptr<Transport> transport);
  ~Connection();

  void start();
  void close();  ///< at once; a stream's on_gone is called
  /// Since when it has waited for a request; nothing while there is one.
  std::optional<std::chrono::steady_clock::time_point> idle_since() const;

  // Of the exchange numbered `exchange`; calls about one that is over have no effect.
  void respond(uint64_t exchange, Response response);
  void begin(uint64_t exchange, Response head);
  bool write(uint64_t exchange, std::string chunk);
  void end(uint64_t exchange);
  void on_gone(uint64_t exchange, std::function<void()> gone);

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  enum class State {
    kHead,       ///< waits for a request, or reads its head
    kBody,       ///< reads its body
    kAnswering,  ///< the handler has it
    kStreaming,  ///< an answer without a known end is being sent
    kLeaving,    ///< the last answer is sent; what still comes is thrown away
    kClosed
  };

  void await_request();
  void read();
  void on_read(boost::system::error_code error, size_t size);
  void parse();
  void on_head();
  void on_body();
  void dispatch();
  void refuse(Response response);

  void send(std::string bytes);
  void flush();
  void on_written(boost::system::error_code error, size_t size);
  void finish_exchange();
  void leave();
  void gone();
  void arm(std::chrono::seconds limit);
  std::string head_text(const Response& response, bool stream) const;

  std::shared_ptr<ServerState> server_;
  std::unique_ptr<Transport> transport_;
  boost::asio::steady_timer deadline_;
  State state_ = State::kHead;

  std::string scratch_;  ///< what a read fills
  std::string unread_;   ///< received, and not taken by the parser yet
  std::optional<Parser> parser_;
  size_t counted_ = 0;  ///< our part of ServerState::body_bytes
  bool reading_ = false;
  bool parsing_ = false;  ///< on the stack: an answer inside the handler must not parse the next request

  uint64_t exchange_ = 0;
  std::chrono::steady_clock::time_point awaiting_since_;
  bool keep_alive_ = true;
  bool head_only_ = false;  ///< the request was HEAD
  bool chunked_ = false;
  std::function<void()> on_gone_;

  std::deque<std::string> out_;
  size_t out_bytes_ = 0;
  size_t sent_of_first_ = 0;
  bool writing_ = false;
};

}  // namespace remora::web
