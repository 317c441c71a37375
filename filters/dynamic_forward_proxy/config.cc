#include "common/shared_factory.h"
#include "dynamic_forward_proxy/dynamic_forward_proxy.h"
#include "envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.pb.h"
#include "remora/filter/dns_cache_message.h"

namespace remora::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::dynamic_forward_proxy::v3;

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return text;
}

}  // namespace

std::shared_ptr<const FilterFactory> make_dynamic_forward_proxy(const FilterSource& source,
                                                                const FilterFactoryContext& context,
                                                                ConfigReport& report) {
  v3::FilterConfig proto;
  if (!parse_config(source, proto, report)) return nullptr;
  if (!proto.has_dns_cache_config()) {
    report.error(source.path + ".dns_cache_config", "is required");
    return nullptr;
  }
  auto cache = to_dns_cache(proto.dns_cache_config(), context, source.path + ".dns_cache_config", report);
  if (cache == nullptr) return nullptr;
  return std::make_shared<SharedFilterFactory<const DnsCache, make_dynamic_forward_proxy_filter>>(
      source.name, std::move(cache));
}

std::shared_ptr<const RouteFilterConfig> make_route_dynamic_forward_proxy(const FilterSource& source,
                                                                          const FilterFactoryContext&,
                                                                          ConfigReport& report) {
  v3::PerRouteConfig proto;
  if (!parse_config(source, proto, report)) return nullptr;
  auto config = std::make_shared<ForwardRoute>();
  config->host = proto.host_rewrite_literal();
  config->host_header = lower(proto.host_rewrite_header());
  return config;
}

}  // namespace remora::filters
