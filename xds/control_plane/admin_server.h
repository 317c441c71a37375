#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <string>
#include <string_view>

#include "control_plane/http_page.h"
#include "remora/core/result.h"

namespace remora::xds {

/// A small HTTP/1.1 server for operators and probes, on the control thread. Answers GET and HEAD only;
/// everything that a request may take is bounded.
class AdminServer {
 public:
  using Answer = std::function<Page(std::string_view target)>;

  AdminServer(boost::asio::io_context& context, Answer answer);

  /// Listens on "HOST:PORT" (HOST an IP address); port 0 takes a free one. Returns the address in use.
  Result<std::string> listen(const std::string& address);

  void close();

 private:
  void accept();

  boost::asio::io_context& context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  Answer answer_;
  int connections_ = 0;
};

}  // namespace remora::xds
