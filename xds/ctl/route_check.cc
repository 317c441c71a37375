#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>

#include "ctl/admin_client.h"
#include "ctl/commands.h"
#include "ctl/route_checker.h"
#include "ctl/route_source.h"
#include "ctl/route_tests.h"

namespace remora::ctl {
namespace {

using envoy::config::route::v3::RouteConfiguration;

constexpr const char* kHelp =
    "TESTS are in the schema of Envoy's route table check tool, in YAML or JSON: tests[] with test_name, "
    "input and\n"
    "validate. The routes come from a file (a RouteConfiguration, or a bootstrap or config dump that has "
    "them) or from\n"
    "a proxy that runs. docs/route-check.md tells of all fields.\n"
    "Exit code: 0 where all tests pass, 1 where one does not or the coverage is too low, 2 where it cannot "
    "be "
    "told.";

Result<std::string> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return Error{path + " cannot be read"};
  return text;
}

/// --config-path, else the proxy's configuration in use.
Result<std::vector<RouteConfiguration>> find_configurations(const Arguments& arguments) {
  if (arguments.has("--config-path")) {
    const std::string path = arguments.get("--config-path");
    const auto text = read(path);
    if (!text.ok()) return text.error();
    return route_configurations(*text, path);
  }
  const std::string address = proxy_admin_address(arguments);
  const auto dump = admin_get(address, "/config_dump", "the proxy");
  if (!dump.ok()) return dump.error();
  return route_configurations(*dump, "http://" + address + "/config_dump");
}

Result<RouteConfiguration> find_configuration(const Arguments& arguments) {
  auto all = find_configurations(arguments);
  if (!all.ok()) return std::move(all).error();
  const std::string wanted = arguments.get("--route-config");
  std::string names;
  for (RouteConfiguration& config : *all) {
    if (arguments.has("--route-config") ? config.name() == wanted : all->size() == 1)
      return std::move(config);
    names += (names.empty() ? "" : ", ") + config.name();
  }
  return Error{arguments.has("--route-config")
                   ? "--route-config: there is no '" + wanted + "', but: " + names
                   : "there are several route configurations: choose one by --route-config, of: " + names};
}

/// A percentage; -1: none is asked for.
Result<double> fail_under(const Arguments& arguments) {
  if (!arguments.has("--fail-under")) return -1.0;
  const std::string text = arguments.get("--fail-under");
  double percent = -1;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (failed != std::errc() || end != text.data() + text.size() || percent < 0 || percent > 100)
    return Error{"--fail-under: must be from 0 to 100"};
  return percent;
}

/// The number of tests that fail; an error where one cannot be run.
Result<size_t> run_tests(RouteChecker& checker, const std::vector<RouteTest>& tests,
                         const Arguments& arguments) {
  size_t failures = 0;
  for (const RouteTest& test : tests) {
    const auto wrong = checker.run(test);
    if (!wrong.ok()) return Error{test.name + ": " + wrong.error().message};
    failures += wrong->empty() ? 0 : 1;
    if (wrong->empty() && !arguments.has("--only-show-failures"))
      std::printf("ok    %s\n", test.name.c_str());
    if (!wrong->empty()) std::printf("FAIL  %s\n", test.name.c_str());
    for (const auto& [what, expected, seen] : *wrong)
      std::printf("        %s: expected %s, is %s\n", what.c_str(), ("'" + expected + "'").c_str(),
                  ("'" + seen + "'").c_str());
  }
  return failures;
}

/// Whether enough of the table is covered.
bool report_coverage(const RouteChecker& checker, const Arguments& arguments, double wanted) {
  const bool in_full = arguments.has("--covall");
  const double covered = in_full ? checker.covered_in_full() : static_cast<double>(checker.covered());
  const double percent =
      checker.routes() == 0 ? 100.0 : 100.0 * covered / static_cast<double>(checker.routes());
  std::printf("route coverage: %.1f %% (%zu of %zu%s)\n", percent, checker.covered(), checker.routes(),
              in_full ? ", by all that a test can look at" : "");
  const bool enough = percent >= wanted;
  if (arguments.has("--details") || !enough) {
    for (const std::string& route : checker.uncovered()) std::printf("not covered: %s\n", route.c_str());
  }
  if (!enough) std::printf("the coverage is below --fail-under %g\n", wanted);
  return enough;
}

int route_check(const Arguments& arguments) {
  const auto wanted = fail_under(arguments);
  if (!wanted.ok()) return fail(wanted.error().message);
  const auto text = read(arguments.words[0]);
  if (!text.ok()) return fail(text.error().message);
  const auto tests = read_route_tests(*text, arguments.words[0]);
  if (!tests.ok()) return fail(tests.error().message);
  const auto config = find_configuration(arguments);
  if (!config.ok()) return fail(config.error().message);
  auto checker = RouteChecker::make(*config);
  if (!checker.ok()) return fail("the route configuration is refused: " + checker.error().message);
  const auto failures = run_tests(*checker, *tests, arguments);
  if (!failures.ok()) return fail(failures.error().message);
  std::printf("%zu tests, %zu failed\n", tests->size(), *failures);
  const bool enough = report_coverage(*checker, arguments, *wanted);
  return *failures == 0 && enough ? kGood : kBad;
}

}  // namespace

Command route_check_command() {
  return {.name = "route-check",
          .arguments = "TESTS",
          .summary = "run tests of a route table",
          .help = kHelp,
          .flags = {{"--config-path", "-c", "FILE", "where the routes are; without it, the proxy's own"},
                    {"--route-config", "", "NAME", "which one, where there are several"},
                    {"--only-show-failures", "", "", "nothing about tests that pass"},
                    {"--details", "-d", "", "also the routes that no test covers"},
                    {"--covall", "", "", "a route counts by the share of its fields that tests look at"},
                    {"--fail-under", "", "PERCENT", "fail where fewer of the routes are covered"}},
          .min_words = 1,
          .max_words = 1,
          .run = route_check};
}

}  // namespace remora::ctl
