#include "main_reactor.h"

#include <boost/asio/post.hpp>

#include <utility>

namespace remora {

MainReactor::MainReactor(boost::asio::io_context& io) : io_(io), ready_(io, reactor_.poll_fd()), due_(io) {
  await_events();
}

MainReactor::~MainReactor() {
  *alive_ = false;
  ready_.release();  // the descriptor is the reactor's
}

void MainReactor::enter() {
  reactor_.clock().refresh();
  if (std::exchange(turn_posted_, true)) return;
  boost::asio::post(io_, [this, alive = alive_] {
    if (!*alive) return;
    turn_posted_ = false;
    take_turn();
  });
}

void MainReactor::take_turn() {
  reactor_.turn(0);
  await_time();
}

void MainReactor::await_events() {
  ready_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this, alive = alive_](const boost::system::error_code& error) {
                      if (error || !*alive) return;
                      take_turn();
                      await_events();
                    });
}

void MainReactor::await_time() {
  const int wait = reactor_.wait_ms();
  if (wait < 0) {
    due_.cancel();
    return;
  }
  due_.expires_after(Milliseconds(wait));
  due_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!error && *alive) take_turn();
  });
}

}  // namespace remora
