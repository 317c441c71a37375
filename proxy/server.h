#pragma once

#include <memory>
#include <string>
#include <vector>

#include "remora/config/bootstrap.h"
#include "remora/core/result.h"
#include "remora/core/stats.h"

namespace remora {

/// The process: main thread with the admin interface, signals and configuration; workers with the traffic.
/// Everything is made and wired here.
class Server {
 public:
  /// `stats` must have options' concurrency + 1 shards; both outlive the server.
  Server(const Options& options, StatsStore& stats, LoadedBootstrap loaded);
  ~Server();

  /// Brings everything up and serves until told to end. Returns the exit code; an error that kept it from
  /// starting has been logged.
  int run();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace remora
