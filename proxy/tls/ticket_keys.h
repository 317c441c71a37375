#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "remora/config/tls.h"
#include "remora/core/clock.h"
#include "tls/openssl_ptr.h"

namespace remora {

/// Keys of session tickets: given ones, or those of this process, which are made at random and replaced after
/// some hours; old ones still open tickets for as long again. Any thread.
class TicketKeys {
 public:
  /// Of this process: the same for all listeners and workers.
  TicketKeys() = default;
  explicit TicketKeys(std::shared_ptr<const SessionTicketKeys> given) : given_(std::move(given)) {}

  /// The one that seals new tickets is the first.
  std::shared_ptr<const SessionTicketKeys> current();

  /// Makes contexts that these keys serve. `keys` must live as long as `context`.
  static void install(SSL_CTX* context, TicketKeys& keys);

 private:
  std::shared_ptr<const SessionTicketKeys> given_;
  std::mutex mutex_;
  std::shared_ptr<const SessionTicketKeys> own_;
  MonotonicTime made_{};
};

}  // namespace remora
