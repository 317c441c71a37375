#pragma once

#include "istio/model/resource.h"
#include "istio/text/fields.h"
#include "remora/core/result.h"

// One reader per kind: a spec's fields in, the struct out, every fault into the context. Pure.
namespace remora::istio {

VirtualService read_virtual_service(Fields& spec);
DestinationRule read_destination_rule(Fields& spec);
ServiceEntry read_service_entry(Fields& spec);
Workload read_workload(Fields& spec);
Service read_service(Fields& spec);
Deployment read_deployment(Fields& spec);
PeerAuthentication read_peer_authentication(Fields& spec);
RequestAuthentication read_request_authentication(Fields& spec);
Sidecar read_sidecar(Fields& spec);
Gateway read_gateway(Fields& spec);
Canary read_canary(Fields& spec);
CanaryAnalysis read_analysis(Fields& fields);
MetricTemplate read_metric_template(Fields& spec);
AlertProvider read_alert_provider(Fields& spec);

/// VirtualService's parts that are sizeable by themselves.
/// `for_sidecars`: they follow it, so that what only gateways can do is worth a word.
HttpMatch read_http_match(Fields& match, bool for_sidecars);
void read_http_action(Fields& fields, HttpRoute& route);
Destination read_destination(Fields& fields);
Headers read_headers(Fields& route);
void read_retries(Fields& fields, HttpRoute& route);
void read_cors_policy(Fields& fields, std::optional<CorsPolicy>& out);
void read_fault(Fields& fields, std::optional<HttpFault>& out);
void read_delegate(Fields& fields, HttpRoute& route);
/// What a VirtualService may not hold that delegates, or that is delegated to.
void check_delegation(const Fields& spec, const VirtualService& service);
/// exact, prefix or regex: at most one of them; nothing (without a fault) where the condition is empty.
std::optional<StringMatch> read_string_match(Fields& fields);
void read_l4_routes(Fields& spec, VirtualService& service);

/// The object called `name` as a reference to another one: its name is required.
void read_reference(Fields& fields, std::string_view name, std::optional<ObjectReference>& out);

/// The annotation remora.dev/sticky: "header=x-user", "cookie=version" or "cookie=version; max-age=86400".
Result<Sticky> parse_sticky(std::string text);

/// ServerTLSSettings, as gateways take them.
void read_server_tls(Fields& fields, ServerTls& tls);

/// Sidecar's ingress.
std::vector<IngressListener> read_ingress(Fields& spec);

/// DestinationRule's trafficPolicy, of the whole host or of a subset.
TrafficPolicy read_traffic_policy(Fields& fields);
/// Its connectionPool, or a Sidecar's.
ConnectionPool read_connection_pool(Fields& fields);
/// The localityLbSetting of its loadBalancer, and its warmup under either name.
std::optional<LocalityBalancing> read_locality_balancing(Fields& load_balancer);
std::optional<Warmup> read_warmup(Fields& load_balancer);
/// The consistentHash of its loadBalancer.
std::optional<ConsistentHash> read_consistent_hash(Fields& load_balancer);

/// A port number, 1 to 65535.
bool read_port(Fields& fields, std::string_view name, std::optional<uint16_t>& out);

/// A port's protocol: what `fields` say of it, else what its name and its number mean. A word that is no
/// protocol is a fault.
Protocol read_protocol(Fields& fields, const std::string& port_name, uint16_t number);

/// captureMode: whether connections are captured for the listener, as they are where it does not say.
bool read_captured(Fields& fields);

/// exportTo, with a fault for anything but ".", "*", "~" and namespaces.
void read_export_to(Fields& spec, std::vector<std::string>& out);

/// Whether RE2 takes `pattern`; reports it on the field `name` if not.
bool check_regex(Fields& fields, std::string_view name, const std::string& pattern);

}  // namespace remora::istio
