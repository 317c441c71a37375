#include "istio/model/address_range.h"
#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

/// "10.0.0.0/8" or an address alone.
void check_subnets(const Fields& fields, const std::vector<std::string>& subnets) {
  for (const std::string& subnet : subnets) {
    if (!parse_address_range(subnet)) {
      fields.error("destinationSubnets", "\"" + subnet + "\" is neither an address nor a range of addresses");
    }
  }
}

void read_sni_hosts(Fields& fields, L4Match& match) {
  fields.strings("sniHosts", match.sni_hosts);
  if (match.sni_hosts.empty()) fields.error("sniHosts", "must name at least one host");
  for (const std::string& host : match.sni_hosts) {
    const size_t star = host.find('*');
    const bool good =
        star == std::string::npos || (star == 0 && host.starts_with("*.") && host.rfind('*') == 0);
    if (host.empty() || !good) {
      fields.error("sniHosts", "\"" + host + "\" is no host name: a * may only be the whole first label");
    }
  }
}

L4Match read_match(Fields& fields, bool tls) {
  L4Match match;
  if (tls) read_sni_hosts(fields, match);
  if (fields.strings("destinationSubnets", match.destination_subnets)) {
    check_subnets(fields, match.destination_subnets);
  }
  read_port(fields, "port", match.port);
  fields.string_map("sourceLabels", match.source_labels);
  fields.string("sourceNamespace", match.source_namespace);
  fields.strings("gateways", match.gateways);
  if (fields.string("sourceSubnet", match.source_subnet) && !parse_address_range(match.source_subnet))
    fields.error("sourceSubnet",
                 "\"" + match.source_subnet + "\" is neither an address nor a range of addresses");
  return match;
}

RouteDestination read_route_destination(Fields& fields) {
  RouteDestination entry;
  if (!fields.object("destination", [&](Fields& d) { entry.destination = read_destination(d); }) &&
      !fields.has("destination")) {
    fields.error("destination", "is required");
  }
  std::optional<uint32_t> weight;
  fields.unsigned_integer("weight", weight, uint32_t{0}, uint32_t{1'000'000});
  entry.weight = weight.value_or(0);
  return entry;
}

L4Route read_route(Fields& fields, bool tls) {
  L4Route route;
  route.path = fields.path();
  fields.objects("match", [&](Fields& item) { route.match.push_back(read_match(item, tls)); });
  if (tls && route.match.empty()) fields.error("match", "must say which names are meant (sniHosts)");
  uint64_t total = 0;
  fields.objects("route", [&](Fields& item) {
    route.route.push_back(read_route_destination(item));
    total += route.route.back().weight;
  });
  if (route.route.empty()) fields.error("route", "must have at least one destination");
  if (route.route.size() > 1 && total == 0) {
    fields.error("route", "the weights add up to 0: no destination would get traffic");
  }
  return route;
}

}  // namespace

void read_l4_routes(Fields& spec, VirtualService& service) {
  spec.objects("tls", [&](Fields& item) { service.tls.push_back(read_route(item, true)); });
  spec.objects("tcp", [&](Fields& item) { service.tcp.push_back(read_route(item, false)); });
}

}  // namespace remora::istio
