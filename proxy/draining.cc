#include "draining.h"

#include <boost/asio/post.hpp>

#include <atomic>

#include "admin/admin_view.h"
#include "log.h"
#include "worker.h"

namespace remora {
namespace {

using boost::system::error_code;
constexpr auto kPoll = std::chrono::milliseconds(20);

}  // namespace

Draining::Draining(boost::asio::io_context& io, const Options& options, const Workers& workers,
                   std::function<void()> over)
    : io_(io),
      options_(options),
      workers_(workers),
      over_(std::move(over)),
      listeners_timer_(io),
      exit_timer_(io) {}

// ----------------------------------------------------------------------------------------------
// asked by the admin interface

void Draining::set_health_check_failed(bool failed) {
  health_check_failed_ = failed;
  if (exiting_ || inbound_drains_) return;
  tell_workers({.active = failed, .of_health = true}, false);
}

void Draining::drain_listeners(const DrainRequest& request) {
  const bool gradual = request.graceful && options_.drain_strategy == Options::DrainStrategy::kGradual;
  drain_workers(request.inbound_only, gradual, !request.graceful && !request.skip_exit);
  if (!request.graceful || request.skip_exit) return;
  listeners_timer_.expires_after(std::chrono::seconds(options_.drain_time_s));
  listeners_timer_.async_wait([this, inbound_only = request.inbound_only](const error_code& error) {
    if (!error) drain_workers(inbound_only, false, true);
  });
}

void Draining::drain_inbound() {
  if (std::exchange(inbound_drains_, true)) return;
  inbound_since_ = Clock::now();
  log_info("main", "draining inbound traffic");
  drain_workers(true, false, false);
}

// ----------------------------------------------------------------------------------------------
// the end

void Draining::begin_exit() {
  if (std::exchange(exiting_, true)) return over_();  // asked twice: now
  log_info("main", "draining for at most {} s", options_.drain_time_s);
  deadline_ = Clock::now() + std::chrono::seconds(options_.drain_time_s);
  if (options_.drain_order == Options::DrainOrder::kTogether) return finish();
  drain_inbound();
  let_application_end();
}

/// The inbound side takes what comes until the minimum time is over; then the process ends with the last
/// connection of the mesh's traffic.
void Draining::let_application_end() {
  const auto minimum = std::chrono::seconds(options_.minimum_drain_time_s);
  if (Clock::now() - inbound_since_ >= minimum && !std::exchange(inbound_closed_, true))
    drain_workers(true, false, true);
  ask_busy(Which::kTraffic, [this](size_t busy) {
    if (time_is_over() || (busy == 0 && inbound_closed_)) return finish();
    soon(&Draining::let_application_end);
  });
}

/// Nothing new is accepted, answers ask clients to leave, what is under way is finished.
void Draining::finish() {
  drain_workers(false, false, true);
  await_last();
}

void Draining::await_last() {
  ask_busy(Which::kAll, [this](size_t busy) {
    if (busy > 0 && !time_is_over()) return soon(&Draining::await_last);
    if (busy > 0) log_warn("main", "drain time is over with {} connections open", busy);
    over_();
  });
}

void Draining::drain_workers(bool inbound_only, bool gradual, bool stop_accepting) {
  tell_workers({.active = true, .inbound_only = inbound_only, .gradual = gradual}, stop_accepting);
}

void Draining::tell_workers(DrainState drain, bool stop_accepting) {
  drain.start = Clock::now();
  drain.duration = std::chrono::seconds(options_.drain_time_s);
  for (const auto& worker : workers_)
    worker->post([target = worker.get(), drain, stop_accepting] { target->drain(drain, stop_accepting); });
}

/// `then` is told, on this thread, how many connections the workers have.
void Draining::ask_busy(Which which, std::function<void(size_t busy)> then) {
  struct Question {
    std::atomic<size_t> busy{0};
    std::atomic<size_t> unanswered;
    std::function<void(size_t)> then;
  };
  auto question = std::make_shared<Question>();
  question->unanswered = workers_.size();
  question->then = std::move(then);
  for (const auto& worker : workers_) {
    worker->post([this, which, question, target = worker.get()] {
      question->busy += which == Which::kAll ? target->connections() : target->traffic_connections();
      if (--question->unanswered > 0) return;
      boost::asio::post(io_, [question] { question->then(question->busy); });
    });
  }
}

void Draining::soon(void (Draining::*what)()) {
  exit_timer_.expires_after(kPoll);
  exit_timer_.async_wait([this, what](const error_code& error) {
    if (!error) (this->*what)();
  });
}

}  // namespace remora
