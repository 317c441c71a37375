#include "control_plane/pacer.h"

#include <algorithm>

namespace remora::xds {

Pacer::Pacer(boost::asio::io_context& context, std::chrono::milliseconds gather,
             std::chrono::milliseconds gap, std::function<void()> run)
    : gather_(gather),
      gap_(gap),
      run_(std::move(run)),
      timer_(context) {}

void Pacer::ask() {
  if (asked_) return;
  asked_ = true;
  timer_.expires_at(std::max(std::chrono::steady_clock::now() + gather_, earliest_));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    asked_ = false;
    earliest_ = std::chrono::steady_clock::now() + gap_;
    run_();
  });
}

}  // namespace remora::xds
