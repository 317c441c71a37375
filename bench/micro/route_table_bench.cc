// Route look-up against the number of routes: the cost of a table must be set by the request, not by its
// neighbours.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/route_table.h"

namespace remora {
namespace {

Route route(PathMatch::Kind kind, const std::string& value) {
  Route made;
  made.match.path.kind = kind;
  made.match.path.value = value;
  if (kind == PathMatch::Kind::kRegex) made.match.path.regex = Regex::compile(value).value();
  return made;
}

std::shared_ptr<const RouteTable> compile(std::vector<VirtualHost> hosts) {
  RouteConfig config;
  for (auto& host : hosts) config.virtual_hosts.push_back(std::move(host));
  return RouteTable::compile(std::move(config)).value();
}

std::shared_ptr<const RouteTable> one_host(std::vector<Route> routes) {
  VirtualHost host;
  host.domains = {"*"};
  host.routes = std::move(routes);
  return compile({std::move(host)});
}

HeaderMap request(const std::string& path, const std::string& authority = "svc.mesh") {
  HeaderMap head;
  head.add(HeaderId::kMethod, "GET");
  head.add(HeaderId::kAuthority, authority);
  head.add(HeaderId::kPath, path);
  return head;
}

void run(benchmark::State& state, const RouteTable& table, const HeaderMap& head) {
  for (auto _ : state) {
    const auto match = table.match(head, 7);
    if (match.route == nullptr) std::abort();  // a table that finds nothing is not worth measuring
    benchmark::DoNotOptimize(match.route);
  }
}

std::string numbered(int64_t n) { return std::to_string(1000000 + n); }

// The last of N prefixes, as a gateway with N services by path has them.
void prefixes(benchmark::State& state) {
  std::vector<Route> routes;
  for (int64_t i = 0; i < state.range(0); ++i)
    routes.push_back(route(PathMatch::Kind::kPrefix, "/service/" + numbered(i) + "/"));
  const auto table = one_host(std::move(routes));
  run(state, *table, request("/service/" + numbered(state.range(0) - 1) + "/items/42?sort=up"));
}
BENCHMARK(prefixes)->Arg(1)->Arg(100)->Arg(10000);

void exact_paths(benchmark::State& state) {
  std::vector<Route> routes;
  for (int64_t i = 0; i < state.range(0); ++i)
    routes.push_back(route(PathMatch::Kind::kExact, "/service/" + numbered(i)));
  const auto table = one_host(std::move(routes));
  run(state, *table, request("/service/" + numbered(state.range(0) - 1)));
}
BENCHMARK(exact_paths)->Arg(1)->Arg(10000);

// The last of N expressions.
void regexes(benchmark::State& state) {
  std::vector<Route> routes;
  for (int64_t i = 0; i < state.range(0); ++i) {
    routes.push_back(route(PathMatch::Kind::kRegex, "/v[0-9]+/service" + numbered(i) + "/.*"));
  }
  const auto table = one_host(std::move(routes));
  run(state, *table, request("/v2/service" + numbered(state.range(0) - 1) + "/items/42"));
}
BENCHMARK(regexes)->Arg(1)->Arg(2)->Arg(100)->Arg(1000);

// N prefixes inside one another, the longest first, all of them prefixes of the request's path.
void nested_prefixes(benchmark::State& state) {
  std::vector<Route> routes;
  for (int64_t i = state.range(0); i > 0; --i) {
    routes.push_back(route(PathMatch::Kind::kPrefix, "/" + std::string(static_cast<size_t>(i), 'a')));
  }
  const auto table = one_host(std::move(routes));
  run(state, *table, request("/" + std::string(1000, 'a')));
}
BENCHMARK(nested_prefixes)->Arg(1)->Arg(1000);

// N virtual hosts, looked up by exact name and by wildcard.
void virtual_hosts(benchmark::State& state) {
  std::vector<VirtualHost> hosts;
  for (int64_t i = 0; i < state.range(0); ++i) {
    VirtualHost host;
    host.domains = {"svc" + numbered(i) + ".default.svc.cluster.local", "*.svc" + numbered(i) + ".mesh"};
    host.routes.push_back(route(PathMatch::Kind::kPrefix, "/"));
    hosts.push_back(std::move(host));
  }
  const auto table = compile(std::move(hosts));
  const std::string last = "svc" + numbered(state.range(0) - 1);
  run(state, *table,
      request("/items/42",
              state.range(1) == 0 ? last + ".default.svc.cluster.local" : "www." + last + ".mesh"));
}
BENCHMARK(virtual_hosts)->ArgNames({"hosts", "wildcard"})->ArgsProduct({{1, 10000}, {0, 1}});

// N routes of one prefix that differ by a header, the last one wanted: these are tried in turn, as order
// demands.
void headers_in_turn(benchmark::State& state) {
  std::vector<Route> routes;
  for (int64_t i = 0; i < state.range(0); ++i) {
    Route made = route(PathMatch::Kind::kPrefix, "/");
    HeaderMatcher matcher;
    matcher.name = "x-tenant";
    matcher.kind = HeaderMatcher::Kind::kString;
    matcher.string.value = numbered(i);
    made.match.headers.push_back(std::move(matcher));
    routes.push_back(std::move(made));
  }
  const auto table = one_host(std::move(routes));
  HeaderMap head = request("/");
  head.add("x-tenant", numbered(state.range(0) - 1));
  run(state, *table, head);
}
BENCHMARK(headers_in_turn)->Arg(1)->Arg(10000);

}  // namespace
}  // namespace remora
