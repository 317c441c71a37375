#include "translate/endpoint.h"

#include <unordered_set>

#include "remora/config/health_check.h"
#include "translate/field_check.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::endpoint::v3;

EndpointHealth to_health(envoy::config::core::v3::HealthStatus status) {
  switch (status) {
    case envoy::config::core::v3::HEALTHY: return EndpointHealth::kHealthy;
    case envoy::config::core::v3::UNHEALTHY: return EndpointHealth::kUnhealthy;
    case envoy::config::core::v3::DRAINING: return EndpointHealth::kDraining;
    case envoy::config::core::v3::TIMEOUT: return EndpointHealth::kTimeout;
    case envoy::config::core::v3::DEGRADED: return EndpointHealth::kDegraded;
    default: return EndpointHealth::kUnknown;
  }
}

bool is_canary(const Metadata& metadata) {
  const MetadataValue* canary = metadata.find("envoy.lb", "canary");
  const bool* value = canary == nullptr ? nullptr : std::get_if<bool>(&canary->value);
  return value != nullptr && *value;
}

/// Standing at the address.
NamedEndpoint to_name(const envoy::config::core::v3::Address& address, Context& context) {
  if (!address.has_socket_address()) {
    context.error("must be a socket_address: it is resolved");
    return {};
  }
  const auto& socket = address.socket_address();
  const auto scope = context.in("socket_address");
  if (socket.port_value() > 65535) context.error("port_value", "must be at most 65535");
  return {socket.address(), static_cast<uint16_t>(socket.port_value())};
}

std::shared_ptr<const EndpointHealthCheck> to_health_check(const v3::Endpoint::HealthCheckConfig& config,
                                                           Context& context) {
  EndpointHealthCheck out;
  if (config.has_address()) out.address = to_address(config.address(), "address", context);
  if (config.port_value() != 0) out.port = static_cast<uint16_t>(config.port_value());
  out.hostname = config.hostname();
  out.disabled = config.disable_active_health_check();
  if (out == EndpointHealthCheck{}) return nullptr;
  return std::make_shared<const EndpointHealthCheck>(std::move(out));
}

/// Standing at the endpoint.
void set_additional_addresses(const v3::Endpoint& endpoint, bool named, Context& context, Endpoint& out) {
  for (int i = 0; i < endpoint.additional_addresses_size(); ++i) {
    const auto scope = context.in("additional_addresses", i);
    if (named) return context.error("is not possible where names are looked up, in Envoy neither");
    Address address = to_address(endpoint.additional_addresses(i).address(), "address", context);
    if (!address.empty() && !address.is_ip()) context.error("address", "must be an IP address");
    if (!address.empty() && !out.address.is_ip())
      context.error("goes only with an IP address as the endpoint's first");
    out.additional_addresses.push_back(std::move(address));
  }
}

/// `names`: null, or where the endpoint's name goes, which stays as it is.
Endpoint to_endpoint(const v3::LbEndpoint& endpoint, std::vector<NamedEndpoint>* names, Context& context) {
  Endpoint out;
  out.health = to_health(endpoint.health_status());
  if (endpoint.has_load_balancing_weight()) out.weight = endpoint.load_balancing_weight().value();
  out.metadata = to_metadata(endpoint.metadata());
  out.canary = is_canary(*out.metadata);
  const auto scope = context.in("endpoint");
  out.hostname = endpoint.endpoint().hostname();
  if (!endpoint.endpoint().has_address()) {
    context.error("address", "is required");
    return out;
  }
  if (endpoint.endpoint().has_health_check_config()) {
    const auto check_scope = context.in("health_check_config");
    out.health_check = to_health_check(endpoint.endpoint().health_check_config(), context);
  }
  if (names != nullptr) {
    const auto at = context.in("address");
    const auto& name = names->emplace_back(to_name(endpoint.endpoint().address(), context));
    out.address_text = name.name + ":" + std::to_string(name.port);
  } else {
    out.address = to_address(endpoint.endpoint().address(), "address", context);
    if (!out.address.empty()) out.address_text = out.address.to_string();
  }
  set_additional_addresses(endpoint.endpoint(), names != nullptr, context, out);
  return out;
}

/// Of a locality that stands there more than once the last weight counts. Source: Envoy.
void set_locality_weight(LocalityWeight wanted, EndpointSet& out) {
  for (auto& known : out.locality_weights) {
    if (known.priority == wanted.priority && *known.locality == *wanted.locality) {
      known.weight = wanted.weight;
      return;
    }
  }
  out.locality_weights.push_back(std::move(wanted));
}

/// Adds the endpoints of one locality; an address that is there already is left out, as in Envoy.
void add_locality(const v3::LocalityLbEndpoints& group, std::unordered_set<std::string>& seen,
                  std::vector<NamedEndpoint>* names, Context& context, EndpointSet& out) {
  const auto locality =
      group.has_locality() ? std::make_shared<const Locality>(to_locality(group.locality())) : no_locality();
  if (group.has_locality() && group.load_balancing_weight().value() > 0)
    set_locality_weight({locality, group.priority(), group.load_balancing_weight().value()}, out);
  for (int i = 0; i < group.lb_endpoints_size(); ++i) {
    const auto scope = context.in("lb_endpoints", i);
    Endpoint endpoint = to_endpoint(group.lb_endpoints(i), names, context);
    endpoint.locality = locality;
    endpoint.priority = group.priority();
    if (!seen.insert(endpoint.address_text).second) {
      context.warning("the address " + endpoint.address_text + " is there already; this entry is left out");
      if (names != nullptr) names->pop_back();
      continue;
    }
    out.endpoints.push_back(std::make_shared<const Endpoint>(std::move(endpoint)));
  }
}

/// Standing at the policy. As Envoy, which takes one category.
void set_drops(const v3::ClusterLoadAssignment::Policy& policy, Context& context, EndpointSet& out) {
  if (policy.drop_overloads_size() > 1) {
    context.error("drop_overloads", "must be one at the most: Envoy takes no more either");
    return;
  }
  for (const auto& drop : policy.drop_overloads()) {
    const auto scope = context.in("drop_overloads", 0);
    const Fraction share = to_fraction(drop.drop_percentage());
    if (share.numerator > share.denominator) context.error("drop_percentage", "must be at most 100 percent");
    const auto per_million = static_cast<uint32_t>(uint64_t{share.numerator} * 1'000'000 / share.denominator);
    if (per_million > 0) out.drops.push_back({drop.category(), per_million});
  }
}

/// Standing at the policy.
void set_policy(const v3::ClusterLoadAssignment::Policy& policy, Context& context, EndpointSet& out) {
  if (policy.has_overprovisioning_factor())
    out.overprovisioning_percent = policy.overprovisioning_factor().value();
  if (policy.has_endpoint_stale_after())
    out.stale_after = to_milliseconds(policy.endpoint_stale_after(), "endpoint_stale_after", context);
  set_drops(policy, context, out);
}

std::shared_ptr<const EndpointSet> translate(const v3::ClusterLoadAssignment& assignment,
                                             std::vector<NamedEndpoint>* names, Context& context) {
  const size_t errors_before = context.report().error_count();
  check_fields(assignment, context);
  auto out = std::make_shared<EndpointSet>();
  out->cluster_name = assignment.cluster_name();
  std::unordered_set<std::string> seen;
  for (int i = 0; i < assignment.endpoints_size(); ++i) {
    const auto scope = context.in("endpoints", i);
    add_locality(assignment.endpoints(i), seen, names, context, *out);
  }
  {
    const auto scope = context.in("policy");
    set_policy(assignment.policy(), context, *out);
  }
  if (context.report().error_count() != errors_before) return nullptr;
  return out;
}

}  // namespace

std::shared_ptr<const EndpointSet> translate_endpoints(const v3::ClusterLoadAssignment& assignment,
                                                       Context& context) {
  return translate(assignment, nullptr, context);
}

std::shared_ptr<const EndpointSet> translate_named_endpoints(const v3::ClusterLoadAssignment& assignment,
                                                             std::vector<NamedEndpoint>& names,
                                                             Context& context) {
  return translate(assignment, &names, context);
}

}  // namespace remora::xds
