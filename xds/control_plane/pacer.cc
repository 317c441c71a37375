#include "control_plane/pacer.h"

#include <algorithm>
#include <utility>

namespace remora::xds {
namespace {

constexpr int kRest = 1;  // times what a run has taken

}  // namespace

Pacer::Pacer(boost::asio::io_context& context, std::chrono::milliseconds gather,
             std::chrono::milliseconds gap, std::function<void()> run)
    : gather_(gather),
      gap_(gap),
      run_(std::move(run)),
      timer_(context) {}

void Pacer::ask() {
  if (std::exchange(asked_, true)) return;
  if (!running_) arm();
}

void Pacer::arm() {
  timer_.expires_at(std::max(std::chrono::steady_clock::now() + gather_, earliest_));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_time();
  });
}

void Pacer::on_time() {
  asked_ = false;
  running_ = true;
  const auto began = std::chrono::steady_clock::now();
  run_();
  const auto ended = std::chrono::steady_clock::now();
  running_ = false;
  earliest_ = std::max(began + gap_, ended + kRest * (ended - began));
  if (asked_) arm();
}

}  // namespace remora::xds
