#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "web/http_message.h"

namespace remora::web {

struct ClientOptions {
  std::chrono::milliseconds timeout{10'000};  ///< of the whole exchange; zero: none (streams)
  size_t body_limit = 16 * 1024 * 1024;
  std::string ca_file;           ///< PEM; empty: the system's. For https://
  std::string certificate_file;  ///< PEM, with its key: what we show the server
  std::string private_key_file;
  std::string
      proxy;  ///< an http:// URL of a proxy that is asked for it: by absolute form, or CONNECT for https://
  bool verify = true;  ///< false: any certificate will do (Flagger's disableTLS, insecureSkipVerify)
};

/// Sends one request (http:// or https://; target is a whole URL) and calls back once, on the context, with
/// the answer whatever its status, or with an error that names the URL and what failed. Dropping the returned
/// handle, which is never null, gives the exchange up without a callback.
std::shared_ptr<void> fetch(boost::asio::io_context& context, Request request, ClientOptions options,
                            std::function<void(Result<Response>)> done);

/// The same for an answer without an end: `on_chunk` for each part of the body, then `done` once.
std::shared_ptr<void> stream(boost::asio::io_context& context, Request request, ClientOptions options,
                             std::function<void(unsigned status, std::string_view chunk)> on_chunk,
                             std::function<void(Result<unsigned>)> done);

}  // namespace remora::web
