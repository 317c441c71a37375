#include "api/istio_stats.pb.h"
#include "common/workload.h"
#include "istio_stats/istio_stats.h"

namespace remora::filters {
namespace {

class IstioStatsFactory final : public FilterFactory {
 public:
  IstioStatsFactory(std::string_view name, std::shared_ptr<const IstioStatsConfig> config)
      : name_(name),
        config_(std::move(config)) {}

  std::string_view name() const override { return name_; }
  std::unique_ptr<HttpFilter> create() const override { return make_istio_stats_filter(config_); }
  bool stateless() const override { return true; }

 private:
  std::string name_;
  std::shared_ptr<const IstioStatsConfig> config_;
};

bool is_set(const google::protobuf::Duration& duration) {
  return duration.seconds() != 0 || duration.nanos() != 0;
}

// Everything that would make the metrics other than Istio's standard ones is refused; false if there was any.
bool check(const stats::PluginConfig& config, const std::string& path, ConfigReport& report) {
  bool ok = true;
  const auto refuse = [&](const std::string& field, const char* why) {
    report.error(path + "." + field, why);
    ok = false;
  };
  for (int i = 0; i < config.metrics_size(); ++i) {
    refuse("metrics[" + std::to_string(i) + "]", "overrides of metrics are not implemented by this build");
  }
  for (int i = 0; i < config.definitions_size(); ++i) {
    refuse("definitions[" + std::to_string(i) + "]",
           "metrics of one's own are not implemented by this build");
  }
  if (config.reporter() != stats::UNSPECIFIED) {
    refuse("reporter", "only UNSPECIFIED is implemented by this build: the listener's direction decides");
  }
  if (is_set(config.rotation_interval())) {  // graceful_deletion_interval means nothing without it
    refuse("rotation_interval", "series do not expire in this build; their number is limited instead");
  }
  if (config.has_tcp_reporting_duration()) {
    report.warning(path + ".tcp_reporting_duration", "has no effect: this build has no TCP metrics");
  }
  return ok;
}

std::string text_of(const NodeInfo& node, std::string_view key) {
  const auto found = node.metadata.find(key);
  return found == node.metadata.end() ? std::string() : found->second.text();
}

}  // namespace

std::shared_ptr<const FilterFactory> make_istio_stats(const FilterSource& source,
                                                      const FilterFactoryContext& context,
                                                      ConfigReport& report) {
  stats::PluginConfig proto;
  if (!parse_config(source, proto, report)) return nullptr;
  if (!check(proto, source.path, report)) return nullptr;

  auto config = std::make_shared<IstioStatsConfig>();
  config->server = context.direction == TrafficDirection::kInbound;
  config->host_fallback = !proto.disable_host_header_fallback();
  config->local = local_workload(context.node);
  config->series = SeriesTable::of(context.stats);
  config->series->set_build(text_of(context.node, "ISTIO_VERSION"));
  return std::make_shared<IstioStatsFactory>(source.name, std::move(config));
}

}  // namespace remora::filters
