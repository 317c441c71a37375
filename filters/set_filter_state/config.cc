#include "common/shared_factory.h"
#include "envoy/extensions/filters/http/set_filter_state/v3/set_filter_state.pb.h"
#include "remora/filter/envoy_messages.h"
#include "set_filter_state/set_filter_state.h"

namespace remora::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::set_filter_state::v3;
using envoy::extensions::filters::common::set_filter_state::v3::FilterStateValue;

SetFilterStateConfig::Value to_value(const FilterStateValue& proto, const FilterFactoryContext& context,
                                     const std::string& path, ConfigReport& report) {
  // The objects of other factories are not texts: they mean something to what reads them, which this build
  // has not.
  constexpr std::string_view kFactory = "envoy.string";
  constexpr std::string_view kHashable = "envoy.hashable_string";
  SetFilterStateConfig::Value out;
  out.key = proto.object_key();
  if (out.key.empty()) report.error(path + ".object_key", "must not be empty");
  const std::string& factory = proto.factory_key().empty() ? proto.object_key() : proto.factory_key();
  out.hashable = factory == kHashable;
  if (factory != kFactory && !out.hashable) {
    report.error(path + ".factory_key", "'" + factory +
                                            "' is not implemented by this build, which makes objects of "
                                            "envoy.string and envoy.hashable_string");
  }
  if (!proto.has_format_string()) report.error(path + ".format_string", "is required");
  out.format = to_format(proto.format_string(), context, path + ".format_string", report);
  out.skip_if_empty = proto.skip_if_empty();
  return out;
}

std::shared_ptr<SetFilterStateConfig> read(const FilterSource& source, const FilterFactoryContext& context,
                                           ConfigReport& report) {
  v3::Config proto;
  if (!parse_config(source, proto, report)) return nullptr;
  const size_t errors_before = report.error_count();
  auto config = std::make_shared<SetFilterStateConfig>();
  for (int i = 0; i < proto.on_request_headers_size(); ++i) {
    const std::string path = source.path + ".on_request_headers[" + std::to_string(i) + "]";
    config->on_request_head.push_back(to_value(proto.on_request_headers(i), context, path, report));
  }
  return report.error_count() == errors_before ? config : nullptr;
}

}  // namespace

std::shared_ptr<const FilterFactory> make_set_filter_state(const FilterSource& source,
                                                           const FilterFactoryContext& context,
                                                           ConfigReport& report) {
  auto config = read(source, context, report);
  if (config == nullptr) return nullptr;
  return std::make_shared<SharedFilterFactory<const SetFilterStateConfig, make_set_filter_state_filter>>(
      source.name, std::move(config));
}

std::shared_ptr<const RouteFilterConfig> make_route_set_filter_state(const FilterSource& source,
                                                                     const FilterFactoryContext& context,
                                                                     ConfigReport& report) {
  return read(source, context, report);
}

}  // namespace remora::filters
