#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "remora/core/stats.h"

namespace remora {

/// <prefix>ssl.*, in the order of its definitions. Source: Envoy, TLS statistics of listeners and clusters.
enum SslStat : size_t {
  kSslConnectionError,
  kSslHandshake,
  kSslSessionReused,
  kSslNoCertificate,
  kSslFailVerifyNoCert,
  kSslFailVerifyError,
  kSslFailVerifySan,
  kSslFailVerifyCertHash,
  kSslOcspStapleFailed,
  kSslOcspStapleOmitted,
  kSslOcspStapleResponses,
  kSslOcspStapleRequests,
};

/// Whose statistics: a listener's ("listener.0.0.0.0_443.", "envoy_listener_", {envoy_listener_address, ...})
/// or a cluster's ("cluster.reviews.", ...): the names of its own scope.
struct SslOwner {
  ScopeName scope;
  bool downstream = true;
};

/// The TLS statistics of one listener or cluster. Any thread, each with its shard; the ones with a cipher's,
/// version's, curve's or signature's name in theirs take a lock, once a connection.
class SslStats {
 public:
  SslStats(StatsStore& store, SslOwner owner);

  void add(size_t shard, SslStat stat) const { ssl_->block(shard).add(stat); }
  /// <prefix>ssl.<family>.<value>; families are "ciphers", "versions", "curves" and "sigalgs".
  void add_named(size_t shard, std::string_view family, std::string_view value);
  /// A connection met a context whose secrets have not come yet.
  void not_ready(size_t shard) const;
  /// A secret has made a new context.
  void updated_by_sds() const;
  /// <prefix>ssl.certificate.<name>.expiration_unix_time_seconds; main thread.
  std::shared_ptr<StatScope> certificate_expiry(std::string_view certificate) const;

 private:
  StatsStore& store_;
  SslOwner owner_;
  std::shared_ptr<StatScope> ssl_;
  std::shared_ptr<StatScope> factory_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<StatScope>, std::less<>> named_;
};

}  // namespace remora
