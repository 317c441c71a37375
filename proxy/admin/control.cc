#include "admin/admin_view.h"
#include "admin/commands.h"

namespace remora::admin {
namespace {

Response ok() { return Response::text("OK\n"); }

}  // namespace

Response healthcheck_fail(const Request&, AdminSources& sources) {
  sources.view.set_health_check_failed(true);
  return ok();
}

Response healthcheck_ok(const Request&, AdminSources& sources) {
  sources.view.set_health_check_failed(false);
  return ok();
}

Response drain_listeners(const Request& request, AdminSources& sources) {
  sources.view.drain_listeners({.inbound_only = request.has("inboundonly"),
                                .graceful = request.has("graceful"),
                                .skip_exit = request.has("skip_exit")});
  return ok();
}

Response drain(const Request&, AdminSources& sources) {
  sources.view.drain_inbound();
  return ok();
}

// The client gets its answer before the process goes.
Response quitquitquit(const Request&, AdminSources& sources) {
  Response response = ok();
  response.afterwards = [&view = sources.view] { view.quit(); };
  return response;
}

Response reopen_logs(const Request&, AdminSources& sources) {
  sources.view.reopen_logs();
  return ok();
}

}  // namespace remora::admin
