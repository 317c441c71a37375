#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/reactor.h"
#include "remora/config/demand.h"
#include "remora/filter/filter_worker.h"

namespace remora {

/// Who waits on one worker for what the configuration does not have yet. The source is asked once for each
/// thing, however many wait; each waits for its own time. Bounded: a client can make up names. Not
/// thread-safe.
class Demands {
 public:
  /// More waiting requests of one worker than this are told at once that there is no room.
  static constexpr size_t kMostWaiting = 10000;
  /// Names longer than this are nobody's.
  static constexpr size_t kLongestName = 1024;

  /// Returns the number that the demand was given.
  using Ask = std::function<uint64_t(Demand)>;
  using Done = std::function<void(DemandResult)>;

  explicit Demands(Reactor& reactor);
  ~Demands();
  /// Before the first demand; any thread's way to the source. Without it nothing is found.
  void set_source(Ask ask) { ask_ = std::move(ask); }

  uint64_t add(Demand demand, Milliseconds timeout, Done done);
  void cancel(uint64_t id);
  /// The source has answered, and what it found is there. That there was nothing does not concern who asked
  /// after that was said.
  void settle(const std::vector<SettledDemand>& settled);
  /// Nobody is called any more.
  void clear();
  [[nodiscard]] size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiter;
  struct Asked {
    uint64_t number = 0;        // of the demand
    std::vector<uint64_t> ids;  // who waits, in the order of their coming
  };
  void finish(uint64_t id, DemandResult result);

  Reactor& reactor_;
  Ask ask_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, std::unique_ptr<Waiter>> waiting_;
  std::map<DemandKey, Asked> by_key_;
};

}  // namespace remora
