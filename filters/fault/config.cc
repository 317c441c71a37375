#include <algorithm>

#include "common/shared_factory.h"
#include "config_values.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "fault/fault.h"
#include "remora/filter/envoy_messages.h"

namespace remora::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::fault::v3;
using envoy::extensions::filters::common::fault::v3::FaultDelay;

FaultConfig::Delay to_delay(const FaultDelay& proto) {
  FaultConfig::Delay out;
  if (proto.has_fixed_delay()) out.fixed = to_milliseconds(proto.fixed_delay());
  out.share = to_fraction(proto.percentage());
  return out;
}

FaultConfig::Abort to_abort(const v3::FaultAbort& proto, const std::string& path, ConfigReport& report) {
  FaultConfig::Abort out;
  out.share = to_fraction(proto.percentage());
  if (proto.error_type_case() == v3::FaultAbort::kHttpStatus)
    out.http_status = static_cast<uint16_t>(proto.http_status());
  if (proto.error_type_case() == v3::FaultAbort::kGrpcStatus) {
    if (proto.grpc_status() > INT16_MAX) report.error(path + ".grpc_status", "is no status of gRPC");
    out.grpc_status = static_cast<int16_t>(proto.grpc_status());
  }
  return out;
}

FaultConfig::RateLimit to_rate_limit(
    const envoy::extensions::filters::common::fault::v3::FaultRateLimit& proto, const std::string& path,
    ConfigReport& report) {
  FaultConfig::RateLimit out;
  out.share = to_fraction(proto.percentage());
  constexpr uint64_t kMost = uint64_t{1} << 40;  // KiB/s: no network has it
  if (proto.has_fixed_limit()) out.kib_per_second = std::min(proto.fixed_limit().limit_kbps(), kMost);
  if (out.kib_per_second == 0) report.error(path + ".fixed_limit.limit_kbps", "must be at least 1");
  return out;
}

/// Where the runtime has what: the defaults of the message's fields, and what stands for "fault.http" in
/// those of one downstream cluster.
struct RuntimeKeys {
  std::string delay_share = "fault.http.delay.fixed_delay_percent";
  std::string abort_share = "fault.http.abort.abort_percent";
  std::string delay = "fault.http.delay.fixed_duration_ms";
  std::string http_status = "fault.http.abort.http_status";
  std::string grpc_status = "fault.http.abort.grpc_status";
  std::string rate_limit_share = "fault.http.rate_limit.response_percent";
};

FaultRuntime read_runtime(const RuntimeKeys& keys, const FilterFactoryContext& context) {
  FaultRuntime out;
  out.delay_share = runtime_fraction(keys.delay_share, context);
  out.abort_share = runtime_fraction(keys.abort_share, context);
  out.rate_limit_share = runtime_fraction(keys.rate_limit_share, context);
  constexpr double kLongest = 24.0 * 3600 * 1000;
  if (const auto delay = runtime_number(keys.delay, context))
    out.delay = Milliseconds(static_cast<int64_t>(std::min(*delay, kLongest)));
  const auto http = runtime_number(keys.http_status, context);
  if (http && *http >= 200 && *http < 600) out.http_status = static_cast<uint16_t>(*http);
  const auto grpc = runtime_number(keys.grpc_status, context);
  if (grpc && *grpc <= INT16_MAX) out.grpc_status = static_cast<int16_t>(*grpc);
  return out;
}

RuntimeKeys keys_of_message(const v3::HTTPFault& proto) {
  RuntimeKeys keys;
  const auto take = [](const std::string& given, std::string& key) {
    if (!given.empty()) key = given;
  };
  take(proto.delay_percent_runtime(), keys.delay_share);
  take(proto.abort_percent_runtime(), keys.abort_share);
  take(proto.response_rate_limit_percent_runtime(), keys.rate_limit_share);
  take(proto.delay_duration_runtime(), keys.delay);
  take(proto.abort_http_status_runtime(), keys.http_status);
  take(proto.abort_grpc_status_runtime(), keys.grpc_status);
  return keys;
}

/// "fault.http.<cluster>.delay.fixed_delay_percent" and its like, of every cluster that the runtime names.
std::map<std::string, FaultRuntime, std::less<>> read_clusters(const FilterFactoryContext& context) {
  constexpr std::string_view kStart = "fault.http.";
  std::map<std::string, FaultRuntime, std::less<>> out;
  if (context.runtime == nullptr) return out;
  for (const auto& [key, value] : *context.runtime) {
    size_t group = key.rfind(".delay.");
    if (group == std::string::npos) group = key.rfind(".abort.");
    if (!key.starts_with(kStart) || group == std::string::npos || group <= kStart.size()) continue;
    const std::string cluster = key.substr(kStart.size(), group - kStart.size());
    RuntimeKeys keys;
    for (auto* name :
         {&keys.delay_share, &keys.abort_share, &keys.delay, &keys.http_status, &keys.grpc_status})
      name->insert(kStart.size(), cluster + ".");
    out[cluster] = read_runtime(keys, context);
    out[cluster].rate_limit_share.reset();  // is the same for all
  }
  return out;
}

std::optional<uint64_t> most_active(const v3::HTTPFault& proto, const FilterFactoryContext& context) {
  const std::string& given = proto.max_active_faults_runtime();
  if (const auto number = runtime_number(given.empty() ? "fault.http.max_active_faults" : given, context))
    return static_cast<uint64_t>(std::min(*number, 1e15));
  if (proto.has_max_active_faults()) return proto.max_active_faults().value();
  return std::nullopt;
}

void set_fault(const v3::HTTPFault& proto, const FilterFactoryContext& context, const std::string& path,
               ConfigReport& report, FaultConfig& out) {
  if (proto.has_delay()) out.delay = to_delay(proto.delay());
  if (proto.has_abort()) out.abort = to_abort(proto.abort(), path + ".abort", report);
  if (proto.has_response_rate_limit())
    out.rate_limit = to_rate_limit(proto.response_rate_limit(), path + ".response_rate_limit", report);
  out.upstream_cluster = proto.upstream_cluster();
  for (int i = 0; i < proto.headers_size(); ++i) {
    out.headers.push_back(
        to_header_matcher(proto.headers(i), context, path + ".headers[" + std::to_string(i) + "]", report));
  }
  out.downstream_nodes.assign(proto.downstream_nodes().begin(), proto.downstream_nodes().end());
  std::ranges::sort(out.downstream_nodes);
  out.max_active = most_active(proto, context);
  out.cluster_stats = !proto.disable_downstream_cluster_stats();
  out.metadata = to_metadata(proto.filter_metadata());
  out.runtime = read_runtime(keys_of_message(proto), context);
  out.runtime_by_cluster = read_clusters(context);
}

}  // namespace

std::shared_ptr<const FilterFactory> make_fault(const FilterSource& source,
                                                const FilterFactoryContext& context, ConfigReport& report) {
  v3::HTTPFault proto;
  if (!parse_config(source, proto, report)) return nullptr;
  const size_t errors_before = report.error_count();
  auto config = std::make_shared<FaultFilterConfig>();
  config->name = source.name;
  set_fault(proto, context, source.path, report, config->fault);
  if (report.error_count() != errors_before) return nullptr;
  config->stats = std::make_shared<FaultStats>(context);
  return std::make_shared<SharedFilterFactory<const FaultFilterConfig, make_fault_filter>>(source.name,
                                                                                           std::move(config));
}

std::shared_ptr<const RouteFilterConfig> make_route_fault(const FilterSource& source,
                                                          const FilterFactoryContext& context,
                                                          ConfigReport& report) {
  v3::HTTPFault proto;
  if (!parse_config(source, proto, report)) return nullptr;
  const size_t errors_before = report.error_count();
  auto config = std::make_shared<FaultConfig>();
  set_fault(proto, context, source.path, report, *config);
  return report.error_count() == errors_before ? config : nullptr;
}

}  // namespace remora::filters
