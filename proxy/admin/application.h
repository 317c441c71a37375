#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <string>

#include "remora/core/result.h"

namespace remora::admin {

/// The application that a sidecar stands beside, asked for kubelet and Prometheus on the main thread's
/// context. Only addresses of this machine are asked: a proxy's connections are not intercepted, and must not
/// become everybody's way around it. Callbacks come from the event loop, once.
class Application {
 public:
  explicit Application(boost::asio::io_context& io) : io_(io) {}

  struct Place {
    std::string host;  ///< an IP address
    std::string port;
    std::string source;  ///< the address to come from; empty: any
    std::chrono::milliseconds limit{1000};
  };

  /// Whether it accepts connections there.
  void connect(const Place& place, std::function<void(Result<void>)> done) const;
  /// Its metrics in Prometheus' text format, at most 32 MiB.
  void metrics(const Place& place, const std::string& path,
               std::function<void(Result<std::string>)> done) const;

 private:
  boost::asio::io_context& io_;
};

}  // namespace remora::admin
