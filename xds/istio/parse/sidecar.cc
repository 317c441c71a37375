#include <set>

#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

void read_hosts(Fields& fields, EgressListener& listener) {
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
      listener.hosts.emplace_back(ns, host);
    }
  }
}

constexpr std::string_view kSocket = "unix://";

void read_egress_port(Fields& fields, EgressListener& listener) {
  fields.object("port", [&](Fields& port) {
    auto& own = listener.port.emplace();
    std::optional<uint16_t> number;
    if (!read_port(port, "number", number) && !port.has("number")) port.error("number", "is required");
    own.number = number.value_or(0);
    port.string("name", own.name);
    port.unsupported("targetPort", Severity::kWarning, "has no effect on Sidecars");
    own.protocol = read_protocol(port, own.name, own.number);
    if (own.protocol == Protocol::kOther) port.error("protocol", "is not carried");
  });
}

EgressListener read_egress(Fields& fields) {
  EgressListener listener;
  read_hosts(fields, listener);
  listener.captured = read_captured(fields);
  read_egress_port(fields, listener);
  if (!fields.string("bind", listener.bind) || is_ip_address(listener.bind)) return listener;
  fields.error("bind", "\"" + listener.bind + "\" is no IP address" +
                           (listener.bind.starts_with(kSocket) ? ": Unix sockets are not implemented" : ""));
  return listener;
}

void read_all_egress(Fields& spec, Sidecar& sidecar) {
  std::set<uint16_t> ports;
  spec.objects("egress", [&](Fields& item) {
    if (!sidecar.egress.empty() && !sidecar.egress.back().port)
      item.error("", "stands behind the listener without a port, which must be the only one and the last");
    const EgressListener& listener = sidecar.egress.emplace_back(read_egress(item));
    if (listener.port && listener.port->number != 0 && !ports.insert(listener.port->number).second)
      item.error("port", "port " + std::to_string(listener.port->number) + " is used twice");
  });
}

/// An absent mode is REGISTRY_ONLY, Istio's zero; an absent policy is the mesh's.
void read_outbound_policy(Fields& item, Sidecar& sidecar) {
  static const Words<OutboundPolicy> kPolicies{{"ALLOW_ANY", OutboundPolicy::kAllowAny},
                                               {"REGISTRY_ONLY", OutboundPolicy::kRegistryOnly}};
  OutboundPolicy policy = OutboundPolicy::kRegistryOnly;
  item.word("mode", kPolicies, policy);
  sidecar.outbound_policy = policy;
  item.object("egressProxy", [&](Fields& proxy) {
    sidecar.egress_proxy = read_destination(proxy);
    const std::string& host = sidecar.egress_proxy->host;
    if (!host.empty() && host.find('.') == std::string::npos)
      proxy.error("host", "\"" + host + "\" must be a whole name, with its domain");
    if (!proxy.has("port")) proxy.error("port", "is required");
  });
  if (sidecar.egress_proxy && policy != OutboundPolicy::kAllowAny)
    item.error("egressProxy", "is only for the mode ALLOW_ANY");
}

}  // namespace

Sidecar read_sidecar(Fields& spec) {
  Sidecar sidecar;
  spec.object("workloadSelector", [&](Fields& item) {
    item.string_map("labels", sidecar.workload_selector);
    if (sidecar.workload_selector.empty()) item.error("labels", "must name at least one label");
  });
  read_all_egress(spec, sidecar);
  spec.object("outboundTrafficPolicy", [&](Fields& item) { read_outbound_policy(item, sidecar); });
  sidecar.ingress = read_ingress(spec);
  spec.object("inboundConnectionPool",
              [&](Fields& pool) { sidecar.inbound_pool = read_connection_pool(pool); });
  const bool says_something = spec.has("egress") || spec.has("ingress") ||
                              spec.has("outboundTrafficPolicy") || spec.has("inboundConnectionPool");
  if (!says_something) spec.error("", "says nothing: it needs egress, ingress or a policy");
  return sidecar;
}

}  // namespace remora::istio
