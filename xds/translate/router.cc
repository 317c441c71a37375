#include "translate/router.h"

#include <algorithm>

#include "translate/access_log.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

/// In the order in which Envoy checks them, whatever theirs.
std::vector<HeaderId> to_strict_headers(const ProtoRouter& router) {
  std::vector<HeaderId> out;
  for (const auto id :
       {HeaderId::kXEnvoyUpstreamRqTimeoutMs, HeaderId::kXEnvoyUpstreamRqPerTryTimeoutMs,
        HeaderId::kXEnvoyMaxRetries, HeaderId::kXEnvoyRetryOn, HeaderId::kXEnvoyRetryGrpcOn}) {
    const auto& names = router.strict_check_headers();
    if (std::ranges::find(names, header_name(id)) != names.end()) out.push_back(id);
  }
  return out;
}

void set_log_options(const ProtoRouter::UpstreamAccessLogOptions& options, Context& context,
                     RouterConfig& out) {
  const auto scope = context.in("upstream_log_options");
  out.log_upstream_streams = options.flush_upstream_log_on_upstream_stream();
  if (options.has_upstream_log_flush_interval())
    out.log_interval =
        to_milliseconds(options.upstream_log_flush_interval(), "upstream_log_flush_interval", context);
}

}  // namespace

RouterConfig to_router(const ProtoRouter& router, Context& context) {
  RouterConfig out;
  out.respect_expected_timeout = router.respect_expected_rq_timeout();
  out.dynamic_stats = !router.has_dynamic_stats() || router.dynamic_stats().value();
  out.suppress_grpc_statuses = router.suppress_grpc_request_failure_code_stats();
  out.strict_headers = to_strict_headers(router);
  out.upstream_logs = to_access_logs(router.upstream_log(), "upstream_log", context);
  if (router.has_upstream_log_options()) set_log_options(router.upstream_log_options(), context, out);
  return out;
}

bool needs_entry(const ProtoRouter& router) {
  return router.respect_expected_rq_timeout() ||
         (router.has_dynamic_stats() && !router.dynamic_stats().value()) ||
         router.suppress_grpc_request_failure_code_stats() || router.strict_check_headers_size() > 0 ||
         router.upstream_log_size() > 0;
}

}  // namespace remora::xds
