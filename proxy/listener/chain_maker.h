#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "access_log_writer.h"
#include "listener/chain_runtime.h"
#include "tls/ssl_stats.h"

namespace remora {

/// Makes the slot in which the contexts of a TLS configuration follow their secrets (TlsContexts::server).
using MakeServerTls = std::function<Result<std::shared_ptr<TlsSlot<ServerTls>>>(
    std::shared_ptr<const DownstreamTls>, SslOwner, std::string where)>;

/// Null where a log says nothing. Error: a file cannot be opened.
Result<std::vector<std::shared_ptr<LogFile>>> open_logs(AccessLogWriter& writer, const AccessLogList& logs);

/// Makes the runtimes of a listener's filter chains. Main thread.
class ChainMaker {
 public:
  /// `prefix`: the listener's name in statistics. All is borrowed.
  ChainMaker(StatsStore& stats, AccessLogWriter& logs, const MakeServerTls& make_tls,
             const ListenerRuntime& listener, std::string prefix, size_t workers,
             std::shared_ptr<LazyScope> http2_stats);
  /// Error: a log cannot be opened, a certificate cannot be used.
  Result<std::shared_ptr<const ChainRuntime>> make(const FilterChain& chain);

 private:
  StatsStore& stats_;
  AccessLogWriter& logs_;
  const MakeServerTls& make_tls_;
  const ListenerRuntime& listener_;
  std::string prefix_;
  std::vector<std::shared_ptr<StatScope>> worker_stats_;
  std::shared_ptr<LazyScope> http2_stats_;
};

/// Which chain of the version before a chain continues.
class ChainHeritage {
 public:
  /// `old`: null if nothing goes on. Borrowed.
  explicit ChainHeritage(const ListenerRuntime* old);

  struct Found {
    size_t number = ListenerRuntime::Chain::kNew;
    bool same = false;  // nothing changed; else only what a live connection can take over
  };
  /// Each chain of the old version continues in one of the new at the most.
  Found take(const FilterChain& chain, bool is_default);

 private:
  using Key = std::tuple<bool, std::string_view, uint64_t>;  // default, name, transport_hash
  const ListenerRuntime* old_;
  std::map<Key, size_t> by_key_;
};

}  // namespace remora
