#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "crash_report.h"
#include "log.h"
#include "options.h"
#include "pod_commands.h"
#include "remora/config/bootstrap.h"
#include "remora/core/format.h"
#include "remora/core/stats.h"
#include "server.h"
#include "tls/check_secret.h"

namespace {

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "-";
}

std::string configuration_name(const remora::Options& options) {
  return options.config_path.empty() ? "--config-yaml" : options.config_path;
}

void print_findings(const remora::ConfigReport& report) {
  for (const auto& finding : report.findings()) {
    const bool error = finding.severity == remora::ConfigFinding::Severity::kError;
    std::fprintf(stderr, "%s: %s: %s\n", error ? "error" : "warning", finding.path.c_str(),
                 finding.message.c_str());
  }
}

int fail(const std::string& message) {
  std::fprintf(stderr, "remora: %s\n", message.c_str());
  return 1;
}

}  // namespace

/// The composition root: command line, bootstrap, server. Exit codes: 0 for a clean end, 1 for anything that
/// kept the process from starting, with the reason on stderr.
int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  remora::make_crash_stack();
  remora::report_crashes();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (const auto code = remora::run_pod_command(arguments)) return *code;
  auto line = remora::parse_command_line(arguments);
  if (!line) return fail(line.error().message);
  if (line->help) {
    const std::string help = remora::command_line_help() + remora::pod_commands_help();
    return std::fputs(help.c_str(), stdout) < 0 ? 1 : 0;
  }
  if (line->version)
    return std::printf("\nremora  version: %s\n\n", remora::version_text().c_str()) < 0 ? 1 : 0;
  auto& options = line->options;
  if (options.config_path.empty() && options.config_yaml.empty()) {
    return fail("at least one of --config-path and --config-yaml must be given (see --help)");
  }
  if (options.concurrency == 0) options.concurrency = remora::default_concurrency();
  if (auto log = remora::start_log(options.log_level, options.component_log_level, options.log_path,
                                   options.log_format);
      !log) {
    return fail(log.error().message);
  }
  remora::set_format_environment({host_name()});

  remora::StatsStore stats(options.concurrency + 1);
  auto loaded = remora::load_bootstrap(options, stats, remora::check_secret);
  if (!loaded) {
    std::fprintf(stderr, "error initializing configuration '%s':\n%s\n", configuration_name(options).c_str(),
                 loaded.error().message.c_str());
    return 1;
  }
  print_findings(loaded->report);
  if (options.mode == remora::Options::Mode::kValidate) {
    std::printf("configuration '%s' OK\n", configuration_name(options).c_str());
    return 0;
  }
  remora::Server server(options, stats, std::move(*loaded));
  return server.run();
}
