#include "remora/config/route_outcome.h"

#include "route_choice.h"
#include "route_headers.h"
#include "route_reply.h"
#include "upstream_head.h"

namespace remora {
namespace {

void tell(LocalReply reply, RouteOutcome& outcome) {
  outcome.status = reply.status;
  outcome.details = reply.details;
  outcome.body = std::move(reply.body);
  if (!reply.edit_head) return;
  HeaderMap head;
  reply.edit_head(head);
  outcome.location = head.value_of(HeaderId::kLocation);
}

RouteLevels levels_of(const RouteTable& table, const RouteTable::Match& match, const RouteOutcome& outcome) {
  return {table.config(), *match.virtual_host, *match.route, outcome.weighted};
}

}  // namespace

RouteOutcome route_outcome(const RouteTable::Match& match, const HttpConnectionManagerConfig& http,
                           const HeaderMap& request, uint64_t random, bool internal) {
  RouteOutcome outcome;
  if (auto answer = reply_before_route(match.virtual_host, match.route, http, request, internal)) {
    tell(std::move(answer->reply), outcome);
    return outcome;
  }
  if (match.route == nullptr) {
    tell(reply_without_route(true).reply, outcome);
    return outcome;
  }
  ExchangeInfo info;
  info.request = &request;
  if (auto answer = reply_of_route(*match.route, info)) {
    tell(std::move(answer->reply), outcome);
    return outcome;
  }
  const ClusterChoice choice = choose_cluster(match.route->forward, request, random);
  outcome.cluster = choice.name;
  outcome.weighted = choice.weighted;
  return outcome;
}

void apply_to_request(const RouteTable& table, const RouteTable::Match& match, const RouteOutcome& outcome,
                      const HttpConnectionManagerConfig& http, const ExchangeInfo& info, HeaderMap& request) {
  prepare_upstream_head(levels_of(table, match, outcome), !http.suppress_envoy_headers, request, info);
}

void apply_to_response(const RouteTable& table, const RouteTable::Match& match, const RouteOutcome& outcome,
                       const ExchangeInfo& info, HeaderMap& response) {
  apply_response_mutations(levels_of(table, match, outcome), response, info);
}

}  // namespace remora
