#include "admin/commands.h"

#include <algorithm>

namespace remora::admin {
namespace {

constexpr Parameter kApplicationConnect[] = {
    {"host", "an IP address of this machine"},
    {"port", "a TCP port"},
    {"source", "the address to come from"},
    {"timeout_ms", "how long that may take (1000)"},
};
constexpr Parameter kApplicationMetrics[] = {
    {"host", "an IP address of this machine"},       {"port", "a TCP port"},
    {"path", "where its metrics are (/metrics)"},    {"source", "the address to come from"},
    {"timeout_ms", "how long that may take (8000)"},
};
constexpr Parameter kClusters[] = {
    {"filter", "only clusters whose name this regular expression (RE2) finds a match in"},
    {"format", "text (the default) or json"},
};
constexpr Parameter kConfigDump[] = {
    {"resource", "only this field of the dump, such as dynamic_active_clusters"},
    {"mask", "only these fields of each entry (a FieldMask)"},
    {"name_regex", "only resources whose whole name matches this regular expression (RE2)"},
    {"include_eds", "endpoints too"},
};
constexpr Parameter kDrain[] = {
    {"graceful", "ask clients to go for --drain-time-s before listeners close"},
    {"skip_exit", "drain connections, but let listeners go on accepting"},
    {"inboundonly", "only listeners whose traffic_direction is INBOUND"},
};
constexpr Parameter kListeners[] = {{"format", "text (the default) or json"}};
constexpr Parameter kLogging[] = {
    {"level", "the level of every component: trace, debug, info, warning, error, critical, off"},
    {"paths", "levels of several components, <component>:<level>,..."},
    {"<component>", "the level of this component"},
};
constexpr Parameter kPrometheus[] = {
    {"usedonly", "only statistics that are not 0"},
    {"filter", "only statistics whose text name this regular expression (RE2) finds a match in"},
    {"histogram_buckets", "cumulative (the default) or summary"},
};
constexpr Parameter kStats[] = {
    {"usedonly", "only statistics that are not 0"},
    {"filter", "only statistics whose name this regular expression (RE2) finds a match in"},
    {"invert_filter", "only those in which it does not"},
    {"format", "text (the default), json or prometheus"},
    {"type", "All (the default), Counters, Gauges, Histograms or TextReadouts"},
    {"histogram_buckets", "summary (the default: quantiles), cumulative, disjoint or detailed"},
};

Response help(const Request&, AdminSources&) { return Response::text(help_text()); }

constexpr Command kCommands[] = {
    {.path = "/", .help = "the home page of the admin interface", .handle = home},
    {.path = "/application/connect",
     .help = "whether the application accepts connections: 200, otherwise 503",
     .handle = application_connect,
     .parameters = kApplicationConnect},
    {.path = "/application/metrics",
     .help = "the application's metrics and /stats/prometheus in one",
     .handle = application_metrics,
     .parameters = kApplicationMetrics},
    {.path = "/certs", .help = "certificates in use", .handle = certs},
    {.path = "/clusters", .help = "clusters with their hosts", .handle = clusters, .parameters = kClusters},
    {.path = "/config_dump",
     .help = "the configuration in use",
     .handle = config_dump,
     .parameters = kConfigDump},
    {.path = "/drain",
     .help = "the pod is about to end: fail health checks, drain inbound, let all else go on",
     .changes_state = true,
     .handle = drain},
    {.path = "/drain_listeners",
     .help = "drain listeners",
     .changes_state = true,
     .handle = drain_listeners,
     .parameters = kDrain},
    {.path = "/explain",
     .help = "where a request would go, and why: the request as JSON in the body",
     .takes_body = true,
     .handle = explain},
    {.path = "/healthcheck/fail",
     .help = "fail health checks of this server, drain",
     .changes_state = true,
     .handle = healthcheck_fail},
    {.path = "/healthcheck/ok",
     .help = "pass health checks again",
     .changes_state = true,
     .handle = healthcheck_ok},
    {.path = "/help", .help = "this list", .handle = help},
    {.path = "/hot_restart_version",
     .help = "the hot restart compatibility version",
     .handle = hot_restart_version},
    {.path = "/init_dump", .help = "what initialisation still waits for", .handle = init_dump},
    {.path = "/listeners",
     .help = "listeners with their bound addresses",
     .handle = listeners,
     .parameters = kListeners},
    {.path = "/logging",
     .help = "show or change log levels",
     .changes_state = true,
     .handle = logging,
     .parameters = kLogging},
    {.path = "/memory", .help = "memory in use", .handle = memory},
    {.path = "/quitquitquit", .help = "exit the server", .changes_state = true, .handle = quitquitquit},
    {.path = "/ready", .help = "the server's state: 200 if LIVE, otherwise 503", .handle = ready},
    {.path = "/reopen_logs", .help = "reopen access logs", .changes_state = true, .handle = reopen_logs},
    {.path = "/reset_counters",
     .help = "set all counters to 0",
     .changes_state = true,
     .handle = reset_counters},
    {.path = "/runtime", .help = "runtime values", .handle = runtime},
    {.path = "/server_info", .help = "version, state and command line of the server", .handle = server_info},
    {.path = "/stats", .help = "statistics", .handle = stats, .parameters = kStats},
    {.path = "/stats/prometheus",
     .help = "statistics in Prometheus' text format",
     .handle = stats_prometheus,
     .parameters = kPrometheus},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

std::string help_text() {
  std::string text = "admin commands are:\n";
  for (const Command& command : kCommands) {
    text.append("  ").append(command.path);
    if (command.changes_state || command.takes_body) text += " (POST)";
    text.append(": ").append(command.help) += '\n';
    for (const Parameter& parameter : command.parameters) {
      text.append("      ").append(parameter.name).append(": ").append(parameter.help) += '\n';
    }
  }
  return text;
}

Response answer(const Request& request, AdminSources& sources) {
  const auto* command = std::ranges::find(kCommands, std::string_view(request.path()), &Command::path);
  if (command == std::end(kCommands)) return Response::text("invalid path. " + help_text(), 404);
  if ((command->changes_state || command->takes_body) && request.method() != "POST") {
    return Response::text("Method " + request.method() + " not allowed, POST required.", 405);
  }
  return command->handle(request, sources);
}

}  // namespace remora::admin
