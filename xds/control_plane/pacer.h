#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>

namespace remora::xds {

/// Runs something soon after it is asked for, and never twice within `gap`: what comes often is done
/// together, what comes alone does not wait. What takes long has a longer gap, so that it leaves half
/// of the control thread to others. Control thread only.
class Pacer {
 public:
  /// `gather`: for how long the first of a burst waits for the others.
  Pacer(boost::asio::io_context& context, std::chrono::milliseconds gather, std::chrono::milliseconds gap,
        std::function<void()> run);

  void ask();

 private:
  void arm();
  void on_time();

  const std::chrono::milliseconds gather_;
  const std::chrono::milliseconds gap_;
  const std::function<void()> run_;
  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point earliest_;  ///< when it may run next
  bool asked_ = false;
  bool running_ = false;
};

}  // namespace remora::xds
