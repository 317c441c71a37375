#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "web/http_client.h"

namespace remora::rollout {

/// Posts that nobody waits for (events, alerts), one after the other, in their order. Bounded: what does not
/// fit is dropped, and said.
class Outbox {
 public:
  using Log = std::function<void(bool warning, const std::string& text)>;
  Outbox(boost::asio::io_context& context, Log log);
  ~Outbox();

  void post(web::Request request, web::ClientOptions options);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace remora::rollout
