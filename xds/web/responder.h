#pragma once

#include <memory>
#include <utility>

#include "web/connection.h"

namespace remora::web {

/// Leads the answer to one request back to its connection, if that is still there.
class ConnectionResponder final : public Responder {
 public:
  ConnectionResponder(std::weak_ptr<Connection> connection, uint64_t exchange)
      : connection_(std::move(connection)),
        exchange_(exchange) {}

  /// Whoever lets go of a request without an answer leaves its client an answer all the same.
  ~ConnectionResponder() override {
    respond({500, "text/plain; charset=utf-8", "the request was dropped\n"});
    end();
  }

  void respond(Response response) override {
    if (const auto open = connection_.lock()) open->respond(exchange_, std::move(response));
  }
  void begin(Response head) override {
    if (const auto open = connection_.lock()) open->begin(exchange_, std::move(head));
  }
  bool write(std::string chunk) override {
    const auto open = connection_.lock();
    return open != nullptr && open->write(exchange_, std::move(chunk));
  }
  void end() override {
    if (const auto open = connection_.lock()) open->end(exchange_);
  }
  void on_gone(std::function<void()> gone) override {
    if (const auto open = connection_.lock()) open->on_gone(exchange_, std::move(gone));
  }

 private:
  std::weak_ptr<Connection> connection_;
  uint64_t exchange_;
};

}  // namespace remora::web
