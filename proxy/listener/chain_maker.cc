#include "listener/chain_maker.h"

#include <utility>

#include "stats/http_stats.h"
#include "stats/tcp_stats.h"

namespace remora {

ChainMaker::ChainMaker(StatsStore& stats, AccessLogWriter& logs, const MakeServerTls& make_tls,
                       const ListenerRuntime& listener, std::string prefix, size_t workers,
                       std::shared_ptr<LazyScope> http2_stats)
    : stats_(stats),
      logs_(logs),
      make_tls_(make_tls),
      listener_(listener),
      prefix_(std::move(prefix)),
      http2_stats_(std::move(http2_stats)) {
  for (size_t worker = 0; worker < workers; ++worker) {
    worker_stats_.push_back(
        stats_.make_scope(listener_worker_stat_schema(), listener_worker_scope_name(prefix_, worker)));
  }
}

Result<std::vector<std::shared_ptr<LogFile>>> open_logs(AccessLogWriter& writer, const AccessLogList& logs) {
  std::vector<std::shared_ptr<LogFile>> files;
  for (const auto& log : logs) {
    auto file = writer.open(*log);
    if (!file) return std::move(file).error();
    files.push_back(*file);
  }
  return files;
}

Result<std::shared_ptr<const ChainRuntime>> ChainMaker::make(const FilterChain& chain) {
  auto runtime = std::make_shared<ChainRuntime>();
  runtime->config = chain;
  runtime->buffer_limit = listener_.config->buffer_limit;
  runtime->direction = listener_.config->direction;
  runtime->listener_stats = listener_.stats;
  runtime->worker_stats = worker_stats_;
  runtime->overload = listener_.guards.overload;
  auto files = open_logs(logs_, runtime->access_logs());
  if (!files) return std::move(files).error();
  runtime->logs = std::move(*files);
  if (chain.tls) {
    const auto where = "filter chain '" + chain.name + "'";
    if (!make_tls_) return Error{where + ": TLS is not available"};
    auto slot = make_tls_(chain.tls, {listener_scope_name(prefix_), true},
                          "listener '" + listener_.config->name + "': " + where);
    if (!slot) return std::move(slot).error();
    runtime->tls = std::move(*slot);
  }
  if (chain.tcp)
    runtime->tcp_stats = stats_.make_scope(tcp_stat_schema(), tcp_scope_name(chain.tcp->stat_prefix));
  if (chain.http) {
    const auto& prefix = chain.http->stat_prefix;
    runtime->http_stats = stats_.make_scope(http_stat_schema(), http_scope_name(prefix));
    runtime->response_stats =
        stats_.make_scope(listener_http_stat_schema(), listener_http_scope_name(prefix_, prefix));
    runtime->http2_stats = http2_stats_;
    runtime->router = &router_of(*chain.http);
    auto upstream_logs = open_logs(logs_, runtime->router->upstream_logs);
    if (!upstream_logs) return std::move(upstream_logs).error();
    runtime->upstream_logs = std::move(*upstream_logs);
  }
  return std::shared_ptr<const ChainRuntime>(std::move(runtime));
}

ChainHeritage::ChainHeritage(const ListenerRuntime* old) : old_(old) {
  if (old == nullptr) return;
  for (size_t i = 0; i < old->chains.size(); ++i) {
    const auto& chain = old->chains[i].runtime->config;
    const bool is_default = i >= old->config->filter_chains.size();
    by_key_.emplace(Key{is_default, chain.name, chain.transport_hash}, i);
  }
}

ChainHeritage::Found ChainHeritage::take(const FilterChain& chain, bool is_default) {
  const auto found = by_key_.find({is_default, chain.name, chain.transport_hash});
  if (found == by_key_.end()) return {};
  const auto& old = old_->chains[found->second].runtime->config;
  // A hash of 0 was never computed. Connections of a TCP proxy have no next request to take a change at.
  const bool same = chain.hash != 0 && old.hash == chain.hash;
  if (!same && !(chain.http && old.http)) return {};
  const Found taken{found->second, same};
  by_key_.erase(found);
  return taken;
}

}  // namespace remora
