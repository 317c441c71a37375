#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

constexpr std::string_view kOneListener = "is not implemented: listeners come from the services";

void read_hosts(Fields& fields, Sidecar& sidecar) {
  std::vector<std::string> hosts;
  fields.strings("hosts", hosts);
  if (hosts.empty()) fields.error("hosts", "must name at least one host, as NAMESPACE/HOST");
  for (const std::string& text : hosts) {
    const size_t slash = text.find('/');
    const std::string ns = text.substr(0, slash);
    const std::string host = slash == std::string::npos ? "" : text.substr(slash + 1);
    const size_t star = host.find('*');
    const bool wildcard = star == 0 && (host == "*" || (host.starts_with("*.") && host.rfind('*') == 0));
    if (ns.empty() || host.empty() || (star != std::string::npos && !wildcard)) {
      fields.error("hosts", "\"" + text + "\" is not NAMESPACE/HOST: a * may only be the whole first label");
    } else {
      sidecar.egress_hosts.emplace_back(ns, host);
    }
  }
}

void read_egress(Fields& fields, Sidecar& sidecar) {
  read_hosts(fields, sidecar);
  if (!read_captured(fields)) {
    fields.error("captureMode",
                 "NONE is not implemented: the proxy's INTERCEPTION_MODE says what is captured");
  }
  fields.unsupported("port", Severity::kError, kOneListener);
  fields.unsupported("bind", Severity::kError, kOneListener);
}

}  // namespace

Sidecar read_sidecar(Fields& spec) {
  static const Words<OutboundPolicy> kPolicies{{"ALLOW_ANY", OutboundPolicy::kAllowAny},
                                               {"REGISTRY_ONLY", OutboundPolicy::kRegistryOnly}};
  Sidecar sidecar;
  spec.object("workloadSelector", [&](Fields& item) {
    item.string_map("labels", sidecar.workload_selector);
    if (sidecar.workload_selector.empty()) item.error("labels", "must name at least one label");
  });
  spec.objects("egress", [&](Fields& item) { read_egress(item, sidecar); });
  spec.object("outboundTrafficPolicy", [&](Fields& item) {
    OutboundPolicy policy = OutboundPolicy::kAllowAny;
    if (item.word("mode", kPolicies, policy)) sidecar.outbound_policy = policy;
    item.unsupported("egressProxy", Severity::kError, "is not implemented: there are no egress gateways");
  });
  sidecar.ingress = read_ingress(spec);
  spec.object("inboundConnectionPool",
              [&](Fields& pool) { sidecar.inbound_pool = read_connection_pool(pool); });
  return sidecar;
}

}  // namespace remora::istio
