#include "rollout/outbox.h"

namespace remora::rollout {
namespace {

constexpr size_t kLimit = 256;

}  // namespace

struct Outbox::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& where, Log to) : context(where), log(std::move(to)) {}

  void send_next() {
    if (call || waiting.empty()) return;
    auto [request, options] = std::move(waiting.front());
    waiting.pop_front();
    call = web::fetch(context, std::move(request), options, [this](Result<web::Response> answer) {
      if (!answer.ok()) {
        log(true, "not delivered: " + answer.error().message);
      } else if (answer->status >= 300) {
        log(true, "not delivered: status " + std::to_string(answer->status));
      }
      call.reset();
      send_next();
    });
  }

  boost::asio::io_context& context;
  Log log;
  std::deque<std::pair<web::Request, web::ClientOptions>> waiting;
  std::shared_ptr<void> call;
};

Outbox::Outbox(boost::asio::io_context& context, Log log)
    : state_(std::make_shared<State>(context, std::move(log))) {}

Outbox::~Outbox() { state_->call.reset(); }

void Outbox::post(web::Request request, web::ClientOptions options) {
  if (state_->waiting.size() >= kLimit) {
    state_->log(true, "not delivered: too many posts wait already: " + request.target);
    return;
  }
  state_->waiting.emplace_back(std::move(request), std::move(options));
  state_->send_next();
}

}  // namespace remora::rollout
