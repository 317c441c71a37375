#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/dial.h"
#include "net/reactor.h"
#include "remora/config/cluster.h"

namespace remora {

/// In which order addresses of one host are tried: `first_count` of one family, then one of the other, and so
/// on. What is no IP address stays behind those that are. Source: RFC 8305 and Envoy, happy_eyeballs_config.
std::vector<Address> attempt_order(const Address& address, std::span<const Address> additional,
                                   const HappyEyeballs& rule);

/// A TCP connection to whichever address of a host answers first: the next one is tried 300 ms after the one
/// before it, or as soon as that has failed. Lives on one worker. Must not go away in the middle of a turn
/// once it has started. Source: RFC 8305.
class AddressRace {
 public:
  using Dial = std::function<Dialled(const Address&)>;
  /// Exactly one of the two is called, never from within start(): with a connected socket, which is the
  /// caller's, or with the reason of the last failure, an errno or, where there was no socket to begin with
  /// (0), `why`.
  struct Result {
    std::function<void(int fd)> won;
    std::function<void(int error, const std::string& why)> lost;
  };

  AddressRace(Reactor& reactor, std::vector<Address> addresses, Dial dial, Result result);
  ~AddressRace();
  AddressRace(const AddressRace&) = delete;
  AddressRace& operator=(const AddressRace&) = delete;

  void start() { try_next(); }
  /// Closes all attempts; nobody hears of it any more.
  void stop();

 private:
  class Attempt;
  void try_next();
  void on_time() { try_next(); }
  void on_attempt(Attempt& attempt, int error);
  [[nodiscard]] size_t under_way() const;

  Reactor& reactor_;
  std::vector<Address> addresses_;
  Dial dial_;
  Result result_;
  Timer timer_;
  size_t next_ = 0;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  int error_ = 0;    // of the last failure
  std::string why_;  // likewise
};

}  // namespace remora
