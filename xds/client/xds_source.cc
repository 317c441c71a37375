#include "client/xds_source.h"

#include <malloc.h>

#include <mutex>
#include <optional>

#include "client/config_dump.h"
#include "client/discovery.h"
#include "client/feeds.h"
#include "client/kept_bootstrap.h"
#include "client/metrics_sink.h"
#include "client/preresolving_sink.h"
#include "client/resource_store.h"
#include "client/secret_sources.h"
#include "client/update_stats.h"

namespace remora::xds {
namespace {

class XdsSource final : public ConfigSource {
 public:
  explicit XdsSource(XdsSourceOptions options)
      : options_(std::move(options)),
        bootstrap_(options_.bootstrap),
        loaded_(std::chrono::system_clock::now()),
        stats_(options_.stats),
        environment_({.stats = options_.stats,
                      .node = options_.node,
                      .runtime = options_.runtime,
                      .check_grpc_service = grpc_service_check(bootstrap_),
                      .check_secret = options_.check_secret,
                      .reject_unknown_fields = options_.reject_unknown_fields}),
        store_(environment_) {
    store_.set_ads_is_delta(options_.dynamic.ads && options_.dynamic.ads->is_delta);
    store_.add_static(options_.bootstrap, options_.resources, std::chrono::steady_clock::now(), loaded_);
    options_.bootstrap.Clear();
    options_.resources = {};
    if (bootstrap_.size() > kLarge) malloc_trim(0);
  }
  ~XdsSource() override { stop(); }
  XdsSource(const XdsSource&) = delete;
  XdsSource& operator=(const XdsSource&) = delete;

  void start(ConfigSink& sink) override {
    for (const MetricsSinkConfig& config : options_.metrics_sinks) {
      metrics_sinks_.push_back(std::make_unique<MetricsSink>(config, bootstrap_.node(), options_.stats));
      metrics_sinks_.back()->start();
    }
    const std::lock_guard lock(mutex_);
    sink_.emplace(sink, [this](const auto& cache) { feeds_->preresolve(cache); });
    discovery_ = std::make_unique<Discovery>(options_.dynamic, store_, options_.stats, *sink_);
    make_secret_sources();
    feeds_ = std::make_unique<Feeds>(Feeds::Host{mutex_, bootstrap_, environment_, sink}, *discovery_);
    for (const auto& [name, entry] : store_.clusters().entries()) {
      if (entry.active) sink_->take(*entry.active->parent.config);  // static ones are on their way already
    }
    discovery_->set_maker(*feeds_);
    if (options_.dynamic.ads) discovery_->set_ads(feeds_->make_ads(*options_.dynamic.ads));
    discovery_->start(std::chrono::steady_clock::now());
  }

  void stop() override {
    if (secret_sources_) secret_sources_->stop();
    if (feeds_) feeds_->stop();
    for (const auto& metrics_sink : metrics_sinks_) metrics_sink->stop();
  }

  void demand(Demand demand) override {
    const std::lock_guard lock(mutex_);
    if (const auto names = std::dynamic_pointer_cast<const DnsCache>(demand.source)) {
      // Who demands may not change what it demands from; who answers does.
      return feeds_->demand(std::const_pointer_cast<DnsCache>(names), demand);
    }
    discovery_->demand(demand, std::chrono::steady_clock::now());
  }

  Result<std::string> config_dump(const DumpQuery& query) override {
    const std::lock_guard lock(mutex_);
    const std::string versions[] = {
        discovery_ ? discovery_->version(ResourceType::kClusters) : std::string(),
        discovery_ ? discovery_->version(ResourceType::kListeners) : std::string()};
    return dump_config({bootstrap_, loaded_, store_, versions[0], versions[1]}, query);
  }

  std::vector<std::pair<std::string, std::vector<std::string>>> waiting() override {
    const std::lock_guard lock(mutex_);
    return store_.waiting();
  }

 private:
  void make_secret_sources() {
    SecretSources::Host host{
        .mutex = mutex_,
        .store = store_,
        .bootstrap = bootstrap_,
        .environment = environment_,
        .changed = [this] { discovery_->store_changed(std::chrono::steady_clock::now()); }};
    if (!options_.dynamic.ads) {
      host.next_deadline = [this] { return discovery_->next_deadline(); };
      host.on_time = [this](MonotonicTime now) { discovery_->on_time(now); };
    }
    secret_sources_ = std::make_unique<SecretSources>(std::move(host));
    discovery_->on_settled([this] { secret_sources_->sync(); });
  }

  static constexpr size_t kLarge = 1 << 20;  // what such a bootstrap took as messages is given back

  XdsSourceOptions options_;  // from the start on without the bootstrap and what was made of it
  const KeptBootstrap bootstrap_;
  const WallTime loaded_;
  std::mutex mutex_;   // guards what follows once the stream's thread runs
  SourceStats stats_;  // from the start, as in Envoy: also where nothing is ever fetched
  const Environment environment_;
  ResourceStore store_;
  std::optional<PreresolvingSink> sink_;
  std::unique_ptr<Discovery> discovery_;
  std::unique_ptr<Feeds> feeds_;
  std::unique_ptr<SecretSources> secret_sources_;
  std::vector<std::unique_ptr<MetricsSink>> metrics_sinks_;
};

}  // namespace

std::unique_ptr<ConfigSource> make_xds_source(XdsSourceOptions options) {
  return std::make_unique<XdsSource>(std::move(options));
}

}  // namespace remora::xds
