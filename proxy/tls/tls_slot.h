#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "tls/ssl_stats.h"

namespace remora {

/// Where a listener or cluster finds the context for its next connection, while secrets change behind it.
/// Made and filled by TlsContexts on the main thread; current() on any thread, once a connection.
template <typename Context>
class TlsSlot {
 public:
  explicit TlsSlot(std::shared_ptr<SslStats> stats) : stats_(std::move(stats)) {}

  /// Null while a secret is missing: the connection must be refused, and counted with stats().not_ready().
  [[nodiscard]] std::shared_ptr<const Context> current() const {
    const std::lock_guard lock(mutex_);
    return context_;
  }
  [[nodiscard]] bool ready() const { return current() != nullptr; }
  void set(std::shared_ptr<const Context> context) {
    const std::lock_guard lock(mutex_);
    context_.swap(context);
  }
  [[nodiscard]] SslStats& stats() const { return *stats_; }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Context> context_;
  std::shared_ptr<SslStats> stats_;
};

}  // namespace remora
