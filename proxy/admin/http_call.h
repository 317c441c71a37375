#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <optional>
#include <string>

#include "admin/http_session.h"
#include "remora/core/result.h"

namespace remora::admin {

/// Whom to connect to, from where, and how long all of it may take.
struct Peer {
  boost::asio::ip::tcp::endpoint where;
  std::optional<boost::asio::ip::address> source;  ///< an address to come from; nothing: the kernel's choice
  std::chrono::milliseconds limit{1000};
};

struct CallRequest {
  std::string method = "GET";
  std::string path = "/";
  std::string accept;  ///< empty: not said
  uint64_t most_body = 64 * 1024;
};

struct CallAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
};

/// A connection that is made and ended again. The error is the kernel's.
Awaitable<Result<void>> try_connect(Peer peer);

/// One request on a connection of its own. An error says why there is no answer.
Awaitable<Result<CallAnswer>> http_call(Peer peer, CallRequest request);

}  // namespace remora::admin
