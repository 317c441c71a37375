#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ctl/route_tests.h"
#include "envoy/config/route/v3/route.pb.h"
#include "remora/config/route_table.h"

namespace remora::ctl {

/// Holds a route table against tests, with the code that requests go through, and remembers which routes they
/// have covered.
class RouteChecker {
 public:
  /// Error: what Remora would refuse in the configuration.
  static Result<RouteChecker> make(const envoy::config::route::v3::RouteConfiguration& config);

  struct Mismatch {
    std::string what;  ///< "cluster_name"
    std::string expected;
    std::string seen;
  };
  /// What the test expects and is not so; empty: it passes.
  Result<std::vector<Mismatch>> run(const RouteTest& test);

  /// Routes that a passing look of a test was about, and how many there are.
  [[nodiscard]] size_t covered() const { return covered_.size(); }
  [[nodiscard]] size_t routes() const;
  /// The sum of the routes' shares of what can be looked at: of a forwarding route its cluster, virtual
  /// cluster, virtual host and both rewrites, of others the redirect's path and the code. Source: Envoy,
  /// router check tool, --covall.
  [[nodiscard]] double covered_in_full() const;
  /// Those that no test covers: "virtual host api, routes[2] prefix \"/x\"".
  [[nodiscard]] std::vector<std::string> uncovered() const;

 private:
  explicit RouteChecker(envoy::config::route::v3::RouteConfiguration config) : config_(std::move(config)) {}

  [[nodiscard]] const RouteTable& table() const { return *tables_.begin()->second; }
  Result<std::shared_ptr<const RouteTable>> table_with(const std::string& runtime);

  envoy::config::route::v3::RouteConfiguration config_;
  std::map<std::string, std::shared_ptr<const RouteTable>> tables_;  // by the runtime key that is on
  /// By virtual host and route: what was looked at and was as expected.
  std::map<std::pair<size_t, size_t>, std::set<std::string>> covered_;
};

}  // namespace remora::ctl
