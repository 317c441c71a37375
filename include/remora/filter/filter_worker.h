#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "remora/config/demand.h"
#include "remora/core/clock.h"

namespace remora {

class Random;

/// A GET request that a filter makes for itself.
struct HttpFetch {
  std::string cluster;
  std::string authority;
  std::string path;
  Milliseconds timeout{1000};
  size_t most_bytes = size_t{1024} * 1024;  ///< a longer body is a failure
};

struct HttpFetched {
  uint16_t status = 0;  ///< 0: there was no whole answer
  std::string body;
};

/// What became of a Demand.
enum class DemandResult : uint8_t {
  kFound,
  kMissing,  ///< there is none
  kTimeout,
  kOverflow,  ///< too many wait already: it was not asked for
};

/// What a filter may use of the worker that it runs on, beyond any one exchange. Worker thread only. What is
/// called back may be called after the filter has gone: capture weak references.
class FilterWorker {
 public:
  [[nodiscard]] virtual const Clock& clock() = 0;
  [[nodiscard]] virtual Random& random() = 0;
  /// This worker's shard number for StatScope::block.
  [[nodiscard]] virtual size_t shard() const = 0;
  /// Calls `done` once, possibly from within, unless the worker ends first.
  virtual void fetch(HttpFetch request, std::function<void(HttpFetched)> done) = 0;
  /// Calls once after `delay`, unless the worker ends first.
  virtual void call_after(Milliseconds delay, std::function<void()> call) = 0;
  /// Whether requests to the cluster of that name meet one.
  [[nodiscard]] virtual bool has_cluster(std::string_view name) const = 0;
  /// Asks the configuration source for what is not there, and calls `done` once, never from within. Many may
  /// wait for the same thing: the source is asked once. Returns what cancel_demand() takes.
  virtual uint64_t demand(Demand demand, Milliseconds timeout, std::function<void(DemandResult)> done) = 0;
  /// `done` will not be called any more. What was asked for may still come.
  virtual void cancel_demand(uint64_t id) = 0;

 protected:
  ~FilterWorker() = default;
};

}  // namespace remora
