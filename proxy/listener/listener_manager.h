#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "access_log_writer.h"
#include "listener/chain_maker.h"
#include "remora/config/snapshot.h"
#include "remora/core/stats.h"
#include "worker.h"

namespace remora {

/// The listeners of the process, on the main thread: binds their sockets, one per worker and address, and
/// prepares what workers get. The cost of an update is that of the listeners it names.
class ListenerManager {
 public:
  /// Without `make_tls`, listeners with TLS are refused.
  ListenerManager(StatsStore& stats, AccessLogWriter& logs, size_t workers, MakeServerTls make_tls = {});
  ~ListenerManager();

  /// Binds what `config` asks for and adds it to the batches (one per worker). An update with the same
  /// addresses keeps the sockets, and the connections of filter chains that did not change. Error: two chains
  /// match the same connections, an address cannot be bound, a log cannot be opened; the old listener then
  /// stays.
  Result<void> add(std::shared_ptr<const ListenerConfig> config, std::vector<WorkerBatch>& out);
  void remove(const std::string& name, std::vector<WorkerBatch>& out);
  /// What concerns the listeners that are added from now on, unless they say otherwise; `limit_bypassed`: the
  /// limit is one of the things that bypass_overload_manager bypasses.
  void guard(ListenerGuards guards, bool limit_bypassed);

  struct Bound {
    std::shared_ptr<const ListenerRuntime> runtime;
    std::vector<Address> addresses;  // as bound: real ports; the listener's own first
  };
  /// In order of creation.
  [[nodiscard]] std::vector<const Bound*> listeners() const;
  /// The sum over all listeners of connections open now.
  [[nodiscard]] uint64_t connections() const;
  void count_failure();
  void count_success();
  /// Sets the gauges of what drains.
  void refresh_stats();

 private:
  Result<std::shared_ptr<const ListenerRuntime>> make_runtime(std::shared_ptr<const ListenerConfig> config,
                                                              const ListenerRuntime* heritage);
  [[nodiscard]] ListenerGuards guards_of(const ListenerConfig& config) const;
  ListenerFilterStats make_filter_stats(const ListenerConfig& config);
  void note_draining(const ListenerRuntime& old, const ListenerRuntime* next);
  void count_change(size_t kind);

  StatsStore& stats_;
  AccessLogWriter& logs_;
  size_t workers_;
  MakeServerTls make_tls_;
  ListenerGuards guards_;
  bool limit_bypassed_ = false;
  std::shared_ptr<StatScope> scope_;
  std::shared_ptr<LazyScope> http2_stats_;
  std::map<std::string, Bound, std::less<>> listeners_;
  std::vector<std::string> order_;
  std::vector<std::weak_ptr<const void>> draining_listeners_;
  std::vector<std::weak_ptr<const ChainRuntime>> draining_chains_;
};

}  // namespace remora
