#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

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

 protected:
  ~FilterWorker() = default;
};

}  // namespace remora
