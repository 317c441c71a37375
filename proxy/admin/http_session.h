#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/basic_stream.hpp>

#include "admin/admin_server.h"

namespace remora::admin {

using Executor = boost::asio::io_context::executor_type;
using SocketProtocol = boost::asio::generic::stream_protocol;
using Socket = boost::asio::basic_stream_socket<SocketProtocol, Executor>;
template <typename T>
using Awaitable = boost::asio::awaitable<T, Executor>;

/// One client of the admin interface.
struct HttpSession {
  explicit HttpSession(Socket socket) : stream(std::move(socket)) {}

  boost::beast::basic_stream<SocketProtocol, Executor> stream;
  bool idle = true;      ///< between two requests: may be closed to make room for another client
  bool stopped = false;  ///< the sources may not be touched any more
};

/// Reads requests and answers them, until the client or an error ends it; then says goodbye. The caller
/// closes.
Awaitable<void> serve_requests(HttpSession& session, AdminSources& sources);

}  // namespace remora::admin
