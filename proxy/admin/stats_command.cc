#include "admin/admin_view.h"
#include "admin/commands.h"
#include "admin/stats_query.h"
#include "admin/stats_writer.h"

namespace remora::admin {
namespace {

Response stats_as(const Request& request, AdminSources& sources, StatsQuery::Format format) {
  Result<StatsQuery> parsed = StatsQuery::parse(request, format, sources.prometheus_buckets);
  if (!parsed) return Response::text(parsed.error().message, 400);
  StatsQuery query = std::move(parsed).value();
  sources.view.refresh_stats();

  Response response;
  Scopes scopes = sources.stats.scopes();
  switch (query.format) {
    case StatsQuery::Format::kText: response.more = text_writer(std::move(scopes), std::move(query)); break;
    case StatsQuery::Format::kPrometheus:
      response.more = prometheus_writer(std::move(scopes), std::move(query));
      break;
    case StatsQuery::Format::kJson:
      response.content_type = kJsonType;
      response.more = json_writer(std::move(scopes), std::move(query));
      break;
  }
  return response;
}

}  // namespace

Response stats(const Request& request, AdminSources& sources) {
  return stats_as(request, sources, StatsQuery::Format::kText);
}

Response stats_prometheus(const Request& request, AdminSources& sources) {
  return stats_as(request, sources, StatsQuery::Format::kPrometheus);
}

Response reset_counters(const Request&, AdminSources& sources) {
  for (const auto& scope : sources.stats.scopes()) scope->reset();
  return Response::text("OK\n");
}

}  // namespace remora::admin
