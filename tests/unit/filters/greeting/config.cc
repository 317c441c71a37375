#include <google/protobuf/wrappers.pb.h>

#include "common/http_scope.h"
#include "common/shared_factory.h"
#include "unit/filters/greeting/greeting.h"

namespace remora::filters {
namespace {

constexpr StatDef kSchema[kGreetingStats] = {{.name = "greeted"}};

/// Null, with the error reported, if the message says nothing useful.
std::shared_ptr<GreetingConfig> read(const FilterSource& source, ConfigReport& report) {
  google::protobuf::StringValue proto;
  if (!parse_config(source, proto, report)) return nullptr;
  if (proto.value().empty()) {
    report.error(source.path + ".value", "must not be empty");
    return nullptr;
  }
  auto config = std::make_shared<GreetingConfig>();
  config->text = proto.value();
  return config;
}

}  // namespace

std::shared_ptr<const FilterFactory> make_greeting(const FilterSource& source,
                                                   const FilterFactoryContext& context,
                                                   ConfigReport& report) {
  auto config = read(source, report);
  if (config == nullptr) return nullptr;
  config->stats = http_scope(context, "greeting", kSchema);
  return std::make_shared<SharedFilterFactory<const GreetingConfig, make_greeting_filter>>(source.name,
                                                                                           std::move(config));
}

std::shared_ptr<const RouteFilterConfig> make_route_greeting(const FilterSource& source,
                                                             const FilterFactoryContext&,
                                                             ConfigReport& report) {
  return read(source, report);
}

}  // namespace remora::filters
