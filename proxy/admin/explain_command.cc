#include "admin/admin_view.h"
#include "admin/commands.h"

namespace remora::admin {

Response explain(const Request& request, AdminSources& sources) {
  auto answer = sources.view.explain(request.body());
  return answer ? Response::json(std::move(*answer)) : Response::text(answer.error().message + "\n", 400);
}

}  // namespace remora::admin
