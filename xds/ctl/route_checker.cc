#include "ctl/route_checker.h"

#include <algorithm>

#include "remora/config/route_outcome.h"
#include "remora/config/route_search.h"
#include "remora/core/stats.h"
#include "translate/field_check.h"
#include "translate/matchers.h"
#include "translate/route.h"

namespace remora::ctl {
namespace {

using envoy::config::route::v3::RouteConfiguration;

constexpr size_t kMostTables = 64;

/// Calls `use(context)` with all that a translation needs around it; errors are the result.
template <typename Use>
Result<void> translate(const Use& use) {
  StatsStore stats{1};
  const NodeInfo node;
  const std::map<std::string, std::string> runtime;
  const xds::Environment environment{stats, node, runtime};
  ConfigReport report;
  xds::Context context(environment, report);
  use(context);
  if (report.ok()) return {};
  return Error{report.error_text()};
}

/// As the tool has it: a share counts for all requests if its runtime key is the one that is on, else for
/// none.
void set_fractions(const std::string& runtime, RouteConfiguration& config) {
  for (auto& host : *config.mutable_virtual_hosts()) {
    for (auto& route : *host.mutable_routes()) {
      if (!route.match().has_runtime_fraction()) continue;
      auto& fraction = *route.mutable_match()->mutable_runtime_fraction();
      const bool on = !runtime.empty() && fraction.runtime_key() == runtime;
      fraction.clear_runtime_key();
      fraction.mutable_default_value()->set_numerator(on ? 100 : 0);
      fraction.mutable_default_value()->clear_denominator();
    }
  }
}

/// Compares what is asked for and remembers what differs.
class Looks {
 public:
  void text(const char* what, const std::optional<std::string>& expected, const std::string& seen) {
    if (!expected) return;
    if (*expected == seen) {
      passed.insert(what);
    } else {
      wrong.push_back({what, *expected, seen});
    }
  }
  void headers(const char* what, const std::vector<std::pair<std::string, HeaderMatcher>>& expected,
               const HeaderMap& head) {
    for (const auto& [wanted, matcher] : expected) {
      if (matcher.matches(head)) {
        passed.insert(what);
        continue;
      }
      std::string seen;
      for (const auto& field : head.fields()) {
        if (field.name == matcher.name) seen.append(seen.empty() ? "" : ", ").append(field.value);
      }
      wrong.push_back({what, wanted, seen.empty() ? "(absent)" : seen});
    }
  }

  std::set<std::string> passed;
  std::vector<RouteChecker::Mismatch> wrong;
};

}  // namespace

Result<RouteChecker> RouteChecker::make(const RouteConfiguration& config) {
  RouteChecker checker(config);
  if (auto table = checker.table_with(""); !table.ok()) return std::move(table).error();
  return checker;
}

Result<std::shared_ptr<const RouteTable>> RouteChecker::table_with(const std::string& runtime) {
  if (const auto found = tables_.find(runtime); found != tables_.end()) return found->second;
  if (tables_.size() >= kMostTables)
    return Error{"the tests name more than " + std::to_string(kMostTables) + " runtime keys"};
  RouteConfiguration config = config_;
  set_fractions(runtime, config);
  std::shared_ptr<const RouteTable> table;
  const auto done =
      translate([&](xds::Context& context) { table = xds::translate_routes(config, "", false, context); });
  if (!done.ok()) return done.error();
  return tables_[runtime] = table;
}

namespace {

/// The first whose headers all match; the last one, "other", has none. Source: Envoy, VirtualCluster.
std::string virtual_cluster_of(const VirtualHost& host, const HeaderMap& head) {
  for (const VirtualCluster& cluster : host.virtual_clusters) {
    if (std::ranges::all_of(cluster.headers, [&](const auto& matcher) { return matcher.matches(head); }))
      return cluster.name;
  }
  return {};
}

}  // namespace

Result<std::vector<RouteChecker::Mismatch>> RouteChecker::run(const RouteTest& test) {
  auto made = table_with(test.runtime);
  if (!made.ok()) return std::move(made).error();
  const RouteTable& table = **made;
  const auto* metadata = test.metadata.filters.empty() ? nullptr : &test.metadata;
  const auto match = table.match(test.request, test.random, {.metadata = metadata});
  const HttpConnectionManagerConfig http;
  const RouteOutcome outcome = route_outcome(match, http, test.request, test.random, test.internal);
  const bool forwarded =
      match.route != nullptr && match.route->action == Route::Action::kForward && outcome.status == 0;

  HeaderMap request = test.request;
  HeaderMap response = test.response_fields;
  Address nowhere;
  ExchangeInfo info;
  info.request = &request;
  info.response = &response;
  info.downstream_remote = info.downstream_direct = info.downstream_local = &nowhere;
  info.virtual_host = match.virtual_host;
  info.route = match.route;
  const size_t host =
      match.virtual_host == nullptr ? 0 : table.config().virtual_hosts.number_of(match.virtual_host);
  if (forwarded) apply_to_request(table, match, outcome, http, info, request);
  if (match.route != nullptr) apply_to_response(table, match, outcome, info, response);

  Looks looks;
  looks.text("cluster_name", test.cluster, outcome.cluster);
  looks.text("virtual_cluster_name", test.virtual_cluster,
             forwarded ? virtual_cluster_of(*match.virtual_host, test.request) : "");
  looks.text("virtual_host_name", test.virtual_host, match.route == nullptr ? "" : match.virtual_host->name);
  looks.text("path_rewrite", test.path_rewrite, forwarded ? std::string(request.path()) : "");
  looks.text("host_rewrite", test.host_rewrite, forwarded ? std::string(request.authority()) : "");
  looks.text("path_redirect", test.path_redirect, outcome.location);
  if (test.code) {
    looks.text("code", std::to_string(*test.code),
               outcome.status == 0 ? "(none: it is forwarded)" : std::to_string(outcome.status));
  }
  looks.headers("request_header_matches", test.request_headers, request);
  looks.headers("response_header_matches", test.response_headers, response);
  if (!looks.passed.empty() && match.route != nullptr) {
    const auto position = static_cast<size_t>(match.route - match.virtual_host->routes.data());
    covered_[{host, position}].merge(looks.passed);
  }
  return std::move(looks.wrong);
}

size_t RouteChecker::routes() const {
  size_t count = 0;
  for (const auto& host : table().config().virtual_hosts) count += host.routes.size();
  return count;
}

double RouteChecker::covered_in_full() const {
  static const std::set<std::string> kOfForwarding{"cluster_name", "virtual_cluster_name",
                                                   "virtual_host_name", "path_rewrite", "host_rewrite"};
  static const std::set<std::string> kOfAnswers{"path_redirect", "code"};
  double sum = 0;
  for (const auto& [place, passed] : covered_) {
    const Route& route = table().config().virtual_hosts[place.first].routes[place.second];
    const auto& wanted = route.action == Route::Action::kForward ? kOfForwarding : kOfAnswers;
    const auto found = std::ranges::count_if(wanted, [&](const auto& look) { return passed.contains(look); });
    sum += static_cast<double>(found) / static_cast<double>(wanted.size());
  }
  return sum;
}

std::vector<std::string> RouteChecker::uncovered() const {
  std::vector<std::string> out;
  const auto& hosts = table().config().virtual_hosts;
  for (size_t h = 0; h < hosts.size(); ++h) {
    for (size_t r = 0; r < hosts[h].routes.size(); ++r) {
      if (covered_.contains({h, r})) continue;
      const Route& route = hosts[h].routes[r];
      out.push_back("virtual host '" + hosts[h].name + "', " + place_of(hosts[h], r) +
                    (route.name.empty() ? "" : " '" + route.name + "'") + ": " + to_string(route.match));
    }
  }
  return out;
}

}  // namespace remora::ctl
