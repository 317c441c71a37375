#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "jwt_authn/jwks.h"
#include "remora/core/stats.h"
#include "remora/filter/filter_worker.h"

namespace remora::filters {

enum JwtStat : size_t {
  kJwtAllowed,
  kJwtDenied,
  kPreflightBypassed,
  kFetchSuccess,
  kFetchFailed,
  kJwtCacheHit,
  kJwtCacheMiss,
  kJwtStats
};

/// Keys with the time at which they must be asked for anew.
struct FreshJwks {
  std::shared_ptr<const Jwks> keys;
  MonotonicTime until{};
};

/// Where an issuer's keys are fetched from, and those that some worker fetched last. Shared by all workers.
/// Source: envoy.extensions.filters.http.jwt_authn.v3.RemoteJwks.
class JwksRemote {
 public:
  struct Config {
    HttpFetch request;
    Milliseconds cache_duration{600'000};
    bool ahead = false;  ///< async_fetch: without waiting for a request
    Milliseconds failed_refetch{1000};
    uint32_t retries = 0;
    Milliseconds back_off_base{1000};
    Milliseconds back_off_max{10'000};
  };
  JwksRemote(Config config, std::shared_ptr<StatScope> stats)
      : config_(std::move(config)),
        stats_(std::move(stats)) {}

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] StatBlock& stats(size_t shard) const { return stats_->block(shard); }
  [[nodiscard]] FreshJwks last() const;
  void keep(FreshJwks jwks) const;

 private:
  Config config_;
  std::shared_ptr<StatScope> stats_;
  mutable std::mutex mutex_;
  mutable FreshJwks last_;
};

/// One worker's view of an issuer's remote keys. A worker asks when it needs keys and has none that are
/// fresh; what one has fetched serves all. One fetch at a time, however many requests wait. Worker thread
/// only; held by shared_ptr.
class JwksSource : public std::enable_shared_from_this<JwksSource> {
 public:
  explicit JwksSource(std::shared_ptr<const JwksRemote> remote) : remote_(std::move(remote)) {}

  /// Fetches ahead, if so configured.
  void start(FilterWorker& worker);
  /// Null: not there, or too old.
  const Jwks* keys(MonotonicTime now);
  /// Calls `done` when the fetch under way, or a new one, has ended, whatever came of it.
  void fetch(FilterWorker& worker, std::function<void()> done);

 private:
  void ask(FilterWorker& worker);
  void on_answer(FilterWorker& worker, HttpFetched answer);
  bool take(FilterWorker& worker, const HttpFetched& answer);
  void end_fetch();
  void fetch_ahead(FilterWorker& worker);

  std::shared_ptr<const JwksRemote> remote_;
  FreshJwks fresh_;
  std::vector<std::function<void()>> waiting_;
  bool asking_ = false;
  uint32_t retries_ = 0;
};

}  // namespace remora::filters
