#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb.h"
#include "grpc_stats/grpc_stats.h"

namespace remora::filters {
namespace {

class GrpcStatsFactory final : public FilterFactory {
 public:
  GrpcStatsFactory(std::string_view name, std::shared_ptr<const GrpcStatsConfig> config)
      : name_(name),
        config_(std::move(config)) {}

  std::string_view name() const override { return name_; }
  std::unique_ptr<HttpFilter> create() const override { return make_grpc_stats_filter(config_); }
  bool stateless() const override { return true; }

 private:
  std::string name_;
  std::shared_ptr<const GrpcStatsConfig> config_;
};

}  // namespace

std::shared_ptr<const FilterFactory> make_grpc_stats(const FilterSource& source,
                                                     const FilterFactoryContext& context,
                                                     ConfigReport& report) {
  envoy::extensions::filters::http::grpc_stats::v3::FilterConfig proto;
  if (!parse_config(source, proto, report)) return nullptr;

  const size_t errors_before = report.error_count();
  auto config = std::make_shared<GrpcStatsConfig>();
  config->all_methods = proto.stats_for_all_methods().value();
  config->replace_dots = proto.replace_dots_in_grpc_service_name();
  config->upstream_stats = proto.enable_upstream_stats();
  config->emit_counts = proto.emit_filter_state();
  config->methods = MethodTable::of(context.stats);
  const auto& allowlist = proto.individual_method_stats_allowlist();
  for (int i = 0; i < allowlist.services_size(); ++i) {
    const auto& service = allowlist.services(i);
    const std::string path =
        source.path + ".individual_method_stats_allowlist.services[" + std::to_string(i) + "]";
    if (service.name().empty()) report.error(path + ".name", "is required");
    if (service.method_names().empty()) report.error(path + ".method_names", "needs at least one");
    for (const auto& method : service.method_names())
      config->allowed[{service.name(), method}] = config->methods->configured(service.name(), method);
  }
  if (report.error_count() != errors_before) return nullptr;
  if (config->replace_dots && !config->all_methods) {
    report.warning(source.path + ".replace_dots_in_grpc_service_name",
                   "has no effect without stats_for_all_methods");
  }
  return std::make_shared<GrpcStatsFactory>(source.name, std::move(config));
}

}  // namespace remora::filters
