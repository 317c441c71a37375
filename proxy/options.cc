#include "options.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>

#ifndef REMORA_VERSION
#define REMORA_VERSION "0.1.0"
#endif
#ifndef REMORA_REVISION
#define REMORA_REVISION "0"
#endif

namespace remora {
namespace {

struct Flag {
  std::string_view name;  // with its dashes
  std::string_view short_name;
  bool takes_value;
  std::string_view help;
  std::function<Result<void>(Options&, const std::string&)> set;
};

Flag text(std::string_view name, std::string_view short_name, std::string Options::*member,
          std::string_view help) {
  return {name, short_name, true, help, [member](Options& options, const std::string& value) -> Result<void> {
            options.*member = value;
            return {};
          }};
}

Flag number(std::string_view name, uint32_t Options::*member, std::string_view help) {
  return {name, "", true, help, [member, name](Options& options, const std::string& value) -> Result<void> {
            uint32_t parsed = 0;
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
            if (error != std::errc() || end != value.data() + value.size()) {
              return Error{std::string(name) + ": '" + value + "' is not a whole number"};
            }
            options.*member = parsed;
            return {};
          }};
}

Flag toggle(std::string_view name, bool Options::*member, std::string_view help) {
  return {name, "", false, help, [member](Options& options, const std::string&) -> Result<void> {
            options.*member = true;
            return {};
          }};
}

/// One of Envoy's that changes nothing here.
Flag ignored(std::string_view name, bool takes_value, std::string_view why) {
  return {name, "", takes_value, why, [](Options&, const std::string&) -> Result<void> { return {}; }};
}

/// One of Envoy's without which the process would not do what it was told.
Flag refused(std::string_view name, bool takes_value, std::string_view why) {
  return {name, "", takes_value, why, [name, why](Options&, const std::string&) -> Result<void> {
            return Error{std::string(name) + ": " + std::string(why)};
          }};
}

Result<void> set_mode(Options& options, const std::string& value) {
  if (value == "serve") {
    options.mode = Options::Mode::kServe;
  } else if (value == "validate") {
    options.mode = Options::Mode::kValidate;
  } else if (value == "init_only") {
    options.mode = Options::Mode::kInitOnly;
  } else {
    return Error{"--mode: unknown mode '" + value + "' (serve, validate or init_only)"};
  }
  return {};
}

Result<void> set_drain_strategy(Options& options, const std::string& value) {
  if (value == "gradual") {
    options.drain_strategy = Options::DrainStrategy::kGradual;
  } else if (value == "immediate") {
    options.drain_strategy = Options::DrainStrategy::kImmediate;
  } else {
    return Error{"--drain-strategy: unknown strategy '" + value + "' (gradual or immediate)"};
  }
  return {};
}

Result<void> set_drain_order(Options& options, const std::string& value) {
  if (value == "together") {
    options.drain_order = Options::DrainOrder::kTogether;
  } else if (value == "inbound-first") {
    options.drain_order = Options::DrainOrder::kInboundFirst;
  } else {
    return Error{"--drain-order: unknown order '" + value + "' (together or inbound-first)"};
  }
  return {};
}

const std::vector<Flag>& flags() {
  static const std::vector<Flag> all = {
      text("--config-path", "-c", &Options::config_path, "Path to the bootstrap, YAML or JSON"),
      text("--config-yaml", "", &Options::config_yaml, "Bootstrap as YAML text, merged over --config-path"),
      {"--mode", "", true,
       "serve (default), validate: check the configuration and exit, or init_only: initialise and exit",
       set_mode},
      number("--concurrency", &Options::concurrency, "Worker threads; default: the cgroup's CPU quota"),
      text("--log-level", "-l", &Options::log_level,
           "trace, debug, info (default), warning, error, critical or off"),
      text("--component-log-level", "", &Options::component_log_level,
           "Levels by component: upstream:debug,xds:trace"),
      text("--log-format", "", &Options::log_format, "Pattern of log lines, as spdlog's"),
      text("--log-path", "", &Options::log_path, "Log to this file instead of stderr"),
      text("--service-node", "", &Options::service_node, "Node id; replaces node.id of the bootstrap"),
      text("--service-cluster", "", &Options::service_cluster, "Node cluster; replaces node.cluster"),
      text("--service-zone", "", &Options::service_zone, "Zone; replaces node.locality.zone"),
      number("--drain-time-s", &Options::drain_time_s, "Longest time for draining, seconds (600)"),
      {"--drain-strategy", "", true, "gradual (default) or immediate", set_drain_strategy},
      {"--drain-order", "", true,
       "together (default), or inbound-first: outbound goes on while the application has connections",
       set_drain_order},
      number("--minimum-drain-time-s", &Options::minimum_drain_time_s,
             "With inbound-first: for so long inbound goes on accepting, seconds (0)"),
      number("--parent-shutdown-time-s", &Options::parent_shutdown_time_s,
             "Accepted for compatibility: there is no hot restart"),
      number("--base-id", &Options::base_id, "Accepted for compatibility: there is no hot restart"),
      number("--restart-epoch", &Options::restart_epoch, "Must be 0: there is no hot restart"),
      toggle("--disable-hot-restart", &Options::disable_hot_restart, "Always the case"),
      toggle("--allow-unknown-static-fields", &Options::allow_unknown_static_fields,
             "Unknown bootstrap fields warn instead of failing"),
      toggle("--reject-unknown-dynamic-fields", &Options::reject_unknown_dynamic_fields,
             "Unknown xDS fields are NACKed"),
      toggle("--ignore-unknown-dynamic-fields", &Options::ignore_unknown_dynamic_fields,
             "Unknown xDS fields are not even counted"),
      text("--admin-address-path", "", &Options::admin_address_path,
           "Write the admin address to this file once bound"),
      number("--file-flush-interval-msec", &Options::file_flush_interval_msec,
             "Accepted for compatibility: logs are written at once"),
      toggle("--allow-unknown-fields", &Options::allow_unknown_static_fields,
             "An older name of --allow-unknown-static-fields"),
      ignored("--file-flush-min-size-kb", true, "Accepted for compatibility: logs are written at once"),
      ignored("--use-dynamic-base-id", false, "Accepted for compatibility: there is no hot restart"),
      ignored("--skip-hot-restart-on-no-parent", false,
              "Accepted for compatibility: there is no hot restart"),
      ignored("--skip-hot-restart-parent-stats", false,
              "Accepted for compatibility: there is no hot restart"),
      ignored("--socket-path", true, "Accepted for compatibility: there is no hot restart"),
      ignored("--socket-mode", true, "Accepted for compatibility: there is no hot restart"),
      ignored("--cpuset-threads", false, "Always the case: see --concurrency"),
      ignored("--enable-fine-grain-logging", false, "Accepted for compatibility: levels are by component"),
      ignored("--log-stacktrace-single-entry", false, "Accepted for compatibility: no stacks are logged"),
      ignored("--skip-deprecated-logs", false, "Accepted for compatibility: no field is warned of as old"),
      ignored("--enable-mutex-tracing", false, "Accepted for compatibility: requests take no locks"),
      ignored("--enable-core-dump", false, "Accepted for compatibility: the system's limit decides"),
      ignored("--local-address-ip-version", true, "Accepted for compatibility: listeners say what they are"),
      refused("--log-format-escaped", false, "line ends in messages are not escaped by this build"),
      refused("--base-id-path", true, "there is no hot restart, and so no base id to write"),
      refused("--disable-extensions", true, "extensions cannot be left out of this build"),
      refused("--stats-tag", true, "statistics have no tags but their own in this build"),
  };
  return all;
}

const Flag* find_flag(std::string_view name) {
  const auto& all = flags();
  const auto found = std::find_if(all.begin(), all.end(), [name](const Flag& flag) {
    return name == flag.name || (!flag.short_name.empty() && name == flag.short_name);
  });
  return found == all.end() ? nullptr : &*found;
}

/// The limit of a cgroup v2 or v1 controller in CPUs; nothing if there is none.
double cgroup_cpus() {
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file) {
    std::string quota;
    double period = 0;
    if (file >> quota >> period && quota != "max" && period > 0) return std::atof(quota.c_str()) / period;
  }
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double quota = 0;
  double period = 0;
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0) return quota / period;
  return 0;
}

}  // namespace

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name == "--help" || name == "-h") {
      line.help = true;
      return line;
    }
    if (name == "--version") {
      line.version = true;
      return line;
    }
    std::string value;
    const size_t equals = name.find('=');
    const bool joined = name.starts_with("--") && equals != std::string::npos;
    if (joined) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto* flag = find_flag(name);
    if (flag == nullptr) return Error{"unknown argument '" + name + "' (see --help)"};
    if (flag->takes_value && !joined) {
      if (++i == arguments.size()) return Error{name + " needs a value"};
      value = arguments[i];
    } else if (!flag->takes_value && joined) {
      return Error{name + " takes no value"};
    }
    if (auto set = flag->set(line.options, value); !set) return Error{set.error().message};
  }
  if (line.options.restart_epoch != 0)
    return Error{"--restart-epoch: hot restart is not implemented in this build, only 0 is accepted"};
  return line;
}

std::string command_line_help() {
  std::ostringstream out;
  out << "remora: a service-mesh data plane with Envoy's bootstrap, xDS and admin interface\n\nUSAGE: remora "
         "-c FILE [options]\n\n";
  for (const auto& flag : flags()) {
    std::string left = "  ";
    if (!flag.short_name.empty()) left += std::string(flag.short_name) + ", ";
    left += std::string(flag.name) + (flag.takes_value ? " VALUE" : "");
    left.resize(std::max<size_t>(left.size() + 2, 40), ' ');
    out << left << flag.help << '\n';
  }
  out << "  --version                             Print the version and exit\n  -h, --help                   "
         "         Print this text and exit\n";
  return out.str();
}

uint32_t default_concurrency() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int allowed = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  const double quota = cgroup_cpus();
  const int by_quota = quota > 0 ? static_cast<int>(std::ceil(quota)) : allowed;
  return static_cast<uint32_t>(std::max(1, std::min(allowed, by_quota)));
}

std::string version_text() { return REMORA_REVISION "/" REMORA_VERSION "/Clean/RELEASE/OpenSSL"; }

}  // namespace remora
