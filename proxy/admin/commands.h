#pragma once

#include <span>
#include <string>
#include <string_view>

#include "admin/admin_server.h"
#include "admin/request.h"

namespace remora::admin {

struct Parameter {
  std::string_view name;
  std::string_view help;
};

/// One endpoint: what /help says of it, and what answers it.
struct Command {
  std::string_view path;
  std::string_view help;
  bool changes_state = false;  ///< only POST
  bool takes_body = false;     ///< only POST
  Response (*handle)(const Request& request, AdminSources& sources) = nullptr;
  std::span<const Parameter> parameters{};
};

/// All endpoints, ordered by path.
std::span<const Command> commands();

/// Finds the endpoint and lets it answer: 404 with the help for an unknown path, 405 for a change without
/// POST.
Response answer(const Request& request, AdminSources& sources);

/// "admin commands are:" with every command and its parameters.
std::string help_text();

// The handlers, by file.
Response home(const Request&, AdminSources&);   // home.cc
Response stats(const Request&, AdminSources&);  // stats_command.cc
Response stats_prometheus(const Request&, AdminSources&);
Response reset_counters(const Request&, AdminSources&);
Response clusters(const Request&, AdminSources&);   // clusters.cc
Response listeners(const Request&, AdminSources&);  // server_commands.cc
Response ready(const Request&, AdminSources&);
Response runtime(const Request&, AdminSources&);
Response memory(const Request&, AdminSources&);
Response init_dump(const Request&, AdminSources&);
Response config_dump(const Request&, AdminSources&);
Response server_info(const Request&, AdminSources&);  // server_info.cc
Response explain(const Request&, AdminSources&);      // explain_command.cc
Response hot_restart_version(const Request&, AdminSources&);
Response application_connect(const Request&, AdminSources&);  // application_commands.cc
Response application_metrics(const Request&, AdminSources&);
Response certs(const Request&, AdminSources&);             // certs.cc
Response logging(const Request&, AdminSources&);           // logging.cc
Response healthcheck_fail(const Request&, AdminSources&);  // control.cc
Response healthcheck_ok(const Request&, AdminSources&);
Response drain_listeners(const Request&, AdminSources&);
Response drain(const Request&, AdminSources&);
Response quitquitquit(const Request&, AdminSources&);
Response reopen_logs(const Request&, AdminSources&);

}  // namespace remora::admin
