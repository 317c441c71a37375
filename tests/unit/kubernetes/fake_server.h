#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "web/http_server.h"

namespace remora::kubernetes {

/// An HTTP server that a test answers for, on the test's own context.
class FakeServer {
 public:
  explicit FakeServer(boost::asio::io_context& context, web::Access access = {})
      : tls_(!access.certificate_file.empty()),
        server_(
            context,
            [this](web::Request request, web::ResponderPtr responder) {
              requests.push_back(request);
              answer(request, responder);
            },
            std::move(access)) {
    const auto address = server_.listen("127.0.0.1:0");
    url = (tls_ ? "https://" : "http://") + (address.ok() ? *address : address.error().message);
  }

  std::string url;
  std::vector<web::Request> requests;
  std::function<void(const web::Request&, const web::ResponderPtr&)> answer =
      [](const web::Request&, const web::ResponderPtr& responder) { responder->respond({}); };

 private:
  bool tls_;
  web::HttpServer server_;
};

/// Runs the context until `done()`; false if that takes too long.
template <typename Done>
bool run_until(boost::asio::io_context& context, Done done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!done() && std::chrono::steady_clock::now() < end) {
    context.restart();
    context.run_one_for(std::chrono::milliseconds(50));
  }
  return done();
}

}  // namespace remora::kubernetes
