#pragma once

#include <ares.h>

#include <map>
#include <string>

#include "remora/config/dns.h"
#include "remora/core/clock.h"

namespace remora::xds {

/// The sockets and timers of questions under way, and what the system said of name servers when it was made.
/// Single-threaded.
class CaresChannel {
 public:
  CaresChannel(const DnsResolverConfig& config, MonotonicTime now);
  ~CaresChannel();
  CaresChannel(const CaresChannel&) = delete;
  CaresChannel& operator=(const CaresChannel&) = delete;

  /// `done` is called exactly once with `argument`, perhaps before this returns.
  void ask(const std::string& name, int family, ares_addrinfo_callback done, void* argument);
  /// A question has ended with this status, after so many timeouts.
  void ended(int status, int timeouts);

  /// Sockets, each with what poll() is to look for.
  [[nodiscard]] const std::map<int, short>& sockets() const { return sockets_; }
  /// `events` as poll() gave them; 0: nothing but the time.
  void process(int socket, short events);
  [[nodiscard]] MonotonicTime next_due(MonotonicTime now) const;

  /// The next question belongs on another channel.
  [[nodiscard]] bool is_spent(MonotonicTime now) const;
  /// Name servers did not answer as they should; the next channel may know others.
  [[nodiscard]] bool is_broken() const { return broken_; }
  [[nodiscard]] bool is_idle() const { return in_flight_ == 0; }

 private:
  void set_servers();

  const DnsResolverConfig& config_;
  ares_channel channel_ = nullptr;  // null: it could not be made
  std::map<int, short> sockets_;
  size_t asked_ = 0;
  size_t in_flight_ = 0;
  MonotonicTime made_;
  bool broken_ = false;
};

}  // namespace remora::xds
