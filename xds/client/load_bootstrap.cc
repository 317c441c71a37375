#include <google/protobuf/struct.pb.h>

#include <algorithm>

#include "client/ads_config.h"
#include "client/bootstrap_proto.h"
#include "client/metrics_config.h"
#include "client/overload_config.h"
#include "client/runtime_layers.h"
#include "client/static_resources.h"
#include "client/xds_source.h"
#include "remora/config/bootstrap.h"
#include "translate/dns.h"
#include "translate/field_check.h"
#include "translate/values.h"

namespace remora {
namespace {

using namespace xds;  // NOLINT: this file is the one door from remora:: into remora::xds::
using BootstrapProto = envoy::config::bootstrap::v3::Bootstrap;

NodeInfo to_node(const envoy::config::core::v3::Node& node) {
  return {node.id(), node.cluster(), to_locality(node.locality()), to_metadata(node.metadata())};
}

/// No address: no admin server, as in Envoy.
std::optional<AdminConfig> to_admin(const BootstrapProto& proto, Context& context) {
  if (!proto.admin().has_address()) return std::nullopt;
  const auto scope = context.in("admin");
  AdminConfig out;
  out.address = to_address(proto.admin().address(), "address", context);
  return out;
}

bool matches_every_name(const envoy::type::matcher::v3::StringMatcher& matcher) {
  return matcher.has_safe_regex() && matcher.safe_regex().regex() == ".*";
}

std::vector<double> to_buckets(const BootstrapProto& proto, Context& context) {
  const auto scope = context.in("stats_config");
  const auto& settings = proto.stats_config().histogram_bucket_settings();
  std::vector<double> out;
  for (int i = 0; i < settings.size(); ++i) {
    const auto at = context.in("histogram_bucket_settings", i);
    if (!matches_every_name(settings[i].match())) {
      context.unsupported("match", "a choice of buckets by name (only the safe_regex .* for all)");
    } else if (out.empty()) {  // the first match wins
      out.assign(settings[i].buckets().begin(), settings[i].buckets().end());
    }
  }
  return out;
}

void check_node(const BootstrapProto& proto, Context& context) {
  const auto scope = context.in("node");
  const char* how =
      "is required when there are dynamic resources or statistics sinks (also --service-node, "
      "--service-cluster)";
  if (proto.node().id().empty()) context.error("id", how);
  if (proto.node().cluster().empty()) context.error("cluster", how);
}

std::string to_local_cluster(const BootstrapProto& proto, Context& context) {
  const std::string& name = proto.cluster_manager().local_cluster_name();
  const auto& clusters = proto.static_resources().clusters();
  if (!name.empty() && std::ranges::none_of(clusters, [&](const auto& each) { return each.name() == name; }))
    context.error("cluster_manager.local_cluster_name",
                  "there is no cluster '" + name + "' in static_resources.clusters");
  return name;
}

Error to_error(const ConfigReport& report) {
  std::string text;
  for (const ConfigFinding& finding : report.findings()) {
    if (finding.severity != ConfigFinding::Severity::kError) continue;
    if (!text.empty()) text += '\n';
    text += finding.path.empty() ? finding.message : finding.path + ": " + finding.message;
  }
  return Error{text};
}

}  // namespace

Result<LoadedBootstrap> load_bootstrap(const Options& options, StatsStore& stats, const SecretCheck& check) {
  LoadedBootstrap loaded;
  auto proto = read_bootstrap(options, loaded.report);
  if (!proto.ok()) return std::move(proto).error();

  Bootstrap& out = loaded.bootstrap;
  out.node = to_node(proto->node());
  Environment environment{stats, out.node, out.runtime};
  environment.check_secret = check;
  Context context(environment, loaded.report);
  check_fields(*proto, context);
  out.runtime = flatten_runtime(*proto, context);
  (void)to_dns_resolver(*proto, context);  // for what is wrong with it; it is read where names are resolved
  out.admin = to_admin(*proto, context);
  out.prometheus_buckets = to_buckets(*proto, context);
  out.overload = to_overload(*proto, context);
  out.ejection_log_path = proto->cluster_manager().outlier_detection().event_log_path();
  out.local_cluster = to_local_cluster(*proto, context);

  environment.check_grpc_service = grpc_service_check(*proto);
  const DynamicConfig dynamic = to_dynamic_config(*proto, context);
  const auto metrics_sinks = to_metrics_sinks(*proto, out.prometheus_buckets, context);
  StaticResources resources = translate_static_resources(*proto, environment, loaded.report);
  if (resources.needs_ads() && !dynamic.ads) {
    context.error("dynamic_resources.ads_config",
                  "is required: a static resource takes its endpoints, routes, secrets or filters over ads");
  }
  out.has_dynamic_resources = !dynamic.empty() || resources.needs_names();
  if (dynamic.has_server() || !metrics_sinks.empty()) check_node(*proto, context);
  if (!loaded.report.ok()) return to_error(loaded.report);

  out.static_resources = resources.ready();
  loaded.source = make_xds_source({std::move(*proto), dynamic, std::move(resources), metrics_sinks, out.node,
                                   out.runtime, stats, options.reject_unknown_dynamic_fields, check});
  return loaded;
}

}  // namespace remora
