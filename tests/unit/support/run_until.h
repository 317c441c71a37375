#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>

namespace remora {

/// Runs the context until `done`, but no longer than twenty seconds, which is for a broken build only.
/// Whether it is done.
template <typename Done>
bool run_until(boost::asio::io_context& context, Done done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!done() && std::chrono::steady_clock::now() < end) {
    context.restart();
    context.run_one_for(std::chrono::milliseconds(20));
  }
  return done();
}

}  // namespace remora
