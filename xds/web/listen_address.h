#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <string_view>

#include "remora/core/result.h"

namespace remora::web {

/// "HOST:PORT", HOST an IP address (v6 in brackets) or localhost.
Result<boost::asio::ip::tcp::endpoint> parse_listen_address(const std::string& address);

std::string to_text(const boost::asio::ip::tcp::endpoint& endpoint);

/// Whether a Host header (with or without a port) names this machine's loopback.
bool names_loopback(std::string_view host);

}  // namespace remora::web
