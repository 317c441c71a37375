#include "common/shared_factory.h"
#include "config_values.h"
#include "cors/cors.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "remora/filter/envoy_messages.h"

namespace remora::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::cors::v3;

std::optional<bool> to_flag(bool given, const google::protobuf::BoolValue& value) {
  return given ? std::optional(value.value()) : std::nullopt;
}

void set_origins(const v3::CorsPolicy& proto, const FilterFactoryContext& context, const std::string& path,
                 ConfigReport& report, CorsPolicy& out) {
  for (int i = 0; i < proto.allow_origin_string_match_size(); ++i) {
    out.allow_origins.push_back(
        to_string_matcher(proto.allow_origin_string_match(i), context,
                          path + ".allow_origin_string_match[" + std::to_string(i) + "]", report));
    out.any_origin = out.any_origin || out.allow_origins.back().matches("*");
  }
}

}  // namespace

std::shared_ptr<const FilterFactory> make_cors(const FilterSource& source,
                                               const FilterFactoryContext& context, ConfigReport& report) {
  v3::Cors proto;
  if (!parse_config(source, proto, report)) return nullptr;
  return std::make_shared<SharedFilterFactory<StatScope, make_cors_filter>>(source.name,
                                                                            make_cors_scope(context));
}

std::shared_ptr<const RouteFilterConfig> make_cors_policy(const FilterSource& source,
                                                          const FilterFactoryContext& context,
                                                          ConfigReport& report) {
  v3::CorsPolicy proto;
  if (!parse_config(source, proto, report)) return nullptr;
  const size_t errors_before = report.error_count();
  auto policy = std::make_shared<CorsPolicy>();
  set_origins(proto, context, source.path, report, *policy);
  policy->allow_methods = proto.allow_methods();
  policy->allow_headers = proto.allow_headers();
  policy->expose_headers = proto.expose_headers();
  policy->max_age = proto.max_age();
  policy->allow_credentials = to_flag(proto.has_allow_credentials(), proto.allow_credentials());
  policy->allow_private_network_access =
      to_flag(proto.has_allow_private_network_access(), proto.allow_private_network_access());
  policy->forward_not_matching_preflights =
      to_flag(proto.has_forward_not_matching_preflights(), proto.forward_not_matching_preflights());
  if (proto.has_filter_enabled()) policy->enabled = to_fraction(proto.filter_enabled(), context);
  if (proto.has_shadow_enabled()) policy->shadow = to_fraction(proto.shadow_enabled(), context);
  return report.error_count() == errors_before ? policy : nullptr;
}

}  // namespace remora::filters
