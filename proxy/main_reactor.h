#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/reactor.h"

namespace remora {

/// A reactor on the main thread, for connections that belong to no worker: the main thread's io_context takes
/// its turns, whenever something is ready or due. Main thread.
class MainReactor {
 public:
  explicit MainReactor(boost::asio::io_context& io);
  ~MainReactor();
  MainReactor(const MainReactor&) = delete;
  MainReactor& operator=(const MainReactor&) = delete;

  [[nodiscard]] Reactor& reactor() { return reactor_; }
  /// To be called before timers are armed or connections touched outside of a turn: the clock is right again,
  /// and a turn follows that does the rest.
  void enter();

 private:
  void take_turn();
  void await_events();
  void await_time();

  boost::asio::io_context& io_;
  Reactor reactor_;
  boost::asio::posix::stream_descriptor ready_;
  boost::asio::steady_timer due_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for posted turns
  bool turn_posted_ = false;
};

}  // namespace remora
