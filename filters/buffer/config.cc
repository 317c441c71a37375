#include "buffer/buffer.h"
#include "common/shared_factory.h"
#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"

namespace remora::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::buffer::v3;

/// False: there is no limit.
bool set_limit(const v3::Buffer& proto, const std::string& path, ConfigReport& report, BufferConfig& out) {
  out.max_request_bytes = proto.max_request_bytes().value();
  if (out.max_request_bytes > 0) return true;
  report.error(path + ".max_request_bytes", "must be at least 1");
  return false;
}

}  // namespace

std::shared_ptr<const FilterFactory> make_buffer(const FilterSource& source, const FilterFactoryContext&,
                                                 ConfigReport& report) {
  v3::Buffer proto;
  auto config = std::make_shared<BufferConfig>();
  if (!parse_config(source, proto, report) || !set_limit(proto, source.path, report, *config)) return nullptr;
  return std::make_shared<SharedFilterFactory<const BufferConfig, make_buffer_filter>>(source.name,
                                                                                       std::move(config));
}

std::shared_ptr<const RouteFilterConfig> make_route_buffer(const FilterSource& source,
                                                           const FilterFactoryContext&,
                                                           ConfigReport& report) {
  v3::BufferPerRoute proto;
  if (!parse_config(source, proto, report)) return nullptr;
  auto config = std::make_shared<BufferConfig>();
  config->disabled = proto.disabled();
  if (proto.has_buffer() && !set_limit(proto.buffer(), source.path + ".buffer", report, *config))
    return nullptr;
  return config;
}

}  // namespace remora::filters
