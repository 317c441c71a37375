#include <algorithm>
#include <set>

#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

void read_gateways(Fields& fields, std::vector<std::string>& out) {
  if (!fields.strings("gateways", out)) return;
  for (const std::string& gateway : out) {
    const size_t slash = gateway.find('/');
    const bool good = !gateway.empty() && slash != 0 && slash != gateway.size() - 1 &&
                      (slash == std::string::npos || gateway.find('/', slash + 1) == std::string::npos);
    if (!good) fields.error("gateways", "\"" + gateway + "\" is none of mesh, NAME and NAMESPACE/NAME");
  }
}

uint64_t total_weight(const HttpRoute& route) {
  uint64_t total = 0;
  for (const RouteDestination& entry : route.route) total += entry.weight;
  return total;
}

void read_route_destinations(Fields& fields, HttpRoute& route) {
  fields.objects("route", [&](Fields& item) {
    RouteDestination entry;
    if (!item.object("destination", [&](Fields& d) { entry.destination = read_destination(d); })) {
      if (!item.has("destination")) item.error("destination", "is required");
    }
    std::optional<uint32_t> weight;
    item.unsigned_integer("weight", weight, uint32_t{0}, uint32_t{1'000'000});
    entry.weight = weight.value_or(0);
    entry.headers = read_headers(item);
    route.route.push_back(std::move(entry));
  });
  if (route.route.size() > 1 && total_weight(route) == 0) {
    fields.error("route", "the weights add up to 0: no destination would get traffic");
  }
}

/// Exactly one of route, redirect and directResponse says what happens to a request, unless somebody else
/// does.
void check_one_action(const Fields& fields, const HttpRoute& route) {
  if (route.delegate) {
    for (const char* name : {"route", "redirect", "directResponse"}) {
      if (fields.has(name)) fields.error(name, "cannot stand beside delegate");
    }
    return;
  }
  const int actions = static_cast<int>(!route.route.empty()) + static_cast<int>(fields.has("redirect")) +
                      static_cast<int>(fields.has("directResponse"));
  if (actions == 1) return;
  fields.error("", actions == 0 ? "needs one of route, redirect and directResponse"
                                : "has more than one of route, redirect and directResponse");
}

HttpRoute read_http_route(Fields& fields, bool for_sidecars) {
  HttpRoute route;
  route.path = fields.path();
  route.line = fields.line();
  fields.string("name", route.name);
  fields.objects("match",
                 [&](Fields& match) { route.match.push_back(read_http_match(match, for_sidecars)); });
  read_route_destinations(fields, route);
  read_http_action(fields, route);
  route.headers = read_headers(fields);
  read_cors_policy(fields, route.cors);
  read_delegate(fields, route);
  check_one_action(fields, route);
  read_fault(fields, route.fault);
  if (route.fault && route.redirect) fields.error("fault", "cannot stand beside redirect");
  return route;
}

/// Routes after one that takes every request are never reached: worth a word, since the order was probably
/// meant otherwise.
void warn_unreachable(const Fields& spec, const VirtualService& service) {
  const auto first = std::find_if(service.http.begin(), service.http.end(),
                                  [](const HttpRoute& route) { return route.match.empty(); });
  if (first == service.http.end() || first + 1 == service.http.end()) return;
  const auto index = std::to_string(first - service.http.begin());
  spec.warning("http",
               "routes after http[" + index + "] are never reached: it has no match and takes every request");
}

}  // namespace

VirtualService read_virtual_service(Fields& spec) {
  VirtualService service;
  spec.strings("hosts", service.hosts);
  std::set<std::string> known;
  for (const std::string& host : service.hosts) {
    if (!known.insert(host).second) spec.error("hosts", "\"" + host + "\" stands there twice");
    const size_t star = host.find('*');
    const bool leading_label = star == 0 && (host == "*" || host.starts_with("*."));
    if (host.empty() ||
        (star != std::string::npos && (!leading_label || host.find('*', 1) != std::string::npos))) {
      spec.error("hosts", "\"" + host + "\" is no host name: a * may only be the whole first label");
    }
  }
  read_gateways(spec, service.gateways);
  if (service.for_mesh() && known.contains("*"))
    spec.error("hosts", "\"*\" is for gateways: sidecars would send everything there");
  read_export_to(spec, service.export_to);
  const bool for_sidecars = service.for_mesh() && !service.is_delegate();
  spec.objects("http", [&](Fields& route) { service.http.push_back(read_http_route(route, for_sidecars)); });
  read_l4_routes(spec, service);
  if (service.http.empty() && service.tls.empty() && service.tcp.empty())
    spec.error("http", "must have at least one route");
  check_delegation(spec, service);
  warn_unreachable(spec, service);
  return service;
}

}  // namespace remora::istio
