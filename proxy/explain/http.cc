#include "explain/http.h"

#include <algorithm>

#include "explain/cluster.h"
#include "hash_policy.h"
#include "peer.h"
#include "remora/config/route_outcome.h"
#include "remora/config/route_search.h"
#include "remora/config/scoped_routes.h"
#include "remora/filter/router.h"
#include "request_head.h"
#include "route_choice.h"

namespace remora::explain {
namespace {

using admin::JsonWriter;

/// One request on its way, with what the parts that are written need of it.
struct Request {
  Request(const Question& asked, const Landing& landing, const FilterChain& chain_of)
      : question(asked),
        chain(chain_of),
        http(*chain_of.http),
        peer(landing.socket),
        head(asked.head) {
    peer.tls = chain.tls != nullptr;
    if (peer.server_name.empty() && peer.tls) peer.server_name = asked.server_name;
    info.request = &head;
    info.protocol = asked.http2 ? Protocol::kHttp2 : Protocol::kHttp11;
    info.filter_chain = chain.name;
    info.requested_server_name = peer.server_name;
    info.downstream_direct = &peer.direct_remote;
    info.downstream_remote = &peer.remote();
    info.downstream_local = &peer.local;
    metadata = asked.metadata;
    info.dynamic_metadata = metadata.filters.empty() ? nullptr : &metadata;
    info.filter_state = &asked.filter_state;
    info.downstream_tls = peer.tls ? &asked.tls_info : nullptr;
    apply(http.early_mutations, head, info);
  }

  const Question& question;
  const FilterChain& chain;
  const HttpConnectionManagerConfig& http;
  Peer peer;
  HeaderMap head;
  Metadata metadata;
  ExchangeInfo info;
  RequestOrigin origin;
  Random random;
};

void write_changed(JsonWriter& json, std::string_view name, std::string_view from, std::string_view to) {
  if (from == to) return;
  json.key(name);
  json.begin_object();
  json.member("from", from);
  json.member("to", to);
  json.end_object();
}

/// Fields that one head has and the other has not, pseudo headers aside.
void write_difference(JsonWriter& json, std::string_view name, const HeaderMap& with,
                      const HeaderMap& without) {
  const auto has = [&without](const HeaderMap::Field& wanted) {
    return std::ranges::any_of(without.fields(), [&](const HeaderMap::Field& field) {
      return field.name == wanted.name && field.value == wanted.value;
    });
  };
  json.key(name);
  json.begin_array();
  for (const auto& field : with.fields()) {
    if (field.name.starts_with(':') || has(field)) continue;
    json.begin_object();
    json.member("name", field.name);
    json.member("value", field.value);
    json.end_object();
  }
  json.end_array();
}

void write_answer(JsonWriter& json, uint16_t status, std::string_view details, std::string_view location,
                  std::string_view body) {
  json.key("answer");
  json.begin_object();
  json.member("status", status);
  json.member("details", details);
  if (!location.empty()) json.member("location", location);
  if (!body.empty()) json.member("body", body.substr(0, 4096));
  json.end_object();
}

/// What the connection manager makes of the head first; false if it answers instead.
bool write_admission(JsonWriter& json, Request& request, const RouteTable* table) {
  const auto* internal_only = table == nullptr ? nullptr : &table->config().internal_only_headers;
  const HeaderMap before = request.question.head;
  auto verdict = prepare_request_head(request.head, request.http, request.peer, internal_only, request.random,
                                      request.origin);
  request.info.downstream_remote = &request.origin.remote;
  json.key("request");
  json.begin_object();
  json.member("method", request.head.method());
  json.member("authority", request.head.authority());
  json.member("path", request.head.path());
  json.member("internal", request.origin.internal);
  write_changed(json, "normalized_path", before.path(), request.head.path());
  write_changed(json, "stripped_authority", before.authority(), request.head.authority());
  write_difference(json, "removed_headers", before, request.head);
  json.end_object();
  if (verdict.kind == HeadVerdict::Kind::kAccept) return true;
  HeaderMap answer;
  if (verdict.reply.edit_head) verdict.reply.edit_head(answer);
  write_answer(json, verdict.reply.status, verdict.reply.details, answer.value_of(HeaderId::kLocation),
               verdict.reply.body);
  return false;
}

void write_filters(JsonWriter& json, const HttpConnectionManagerConfig& http) {
  json.key("http_filters");
  json.begin_array();
  for (const auto& entry : http.filters) {
    if (dynamic_cast<const RouterEntry*>(entry.factory.get()) != nullptr) continue;
    json.begin_object();
    json.member("name", entry.factory->name());
    json.member("disabled", entry.disabled);
    json.end_object();
  }
  json.end_array();
}

std::string_view action_name(Route::Action action) {
  switch (action) {
    case Route::Action::kForward: return "route";
    case Route::Action::kRedirect: return "redirect";
    case Route::Action::kDirectResponse: return "direct_response";
    case Route::Action::kNonForwarding: break;
  }
  return "non_forwarding_action";
}

void write_search(JsonWriter& json, const RouteTable& table, const RouteSearch& search) {
  const auto& [host, route] = search.match;
  json.key("virtual_host");
  if (host == nullptr) return json.null();
  json.begin_object();
  json.member("name", host->name);
  json.member("number", table.config().virtual_hosts.number_of(host));
  json.member("domain", search.domain);
  json.end_object();
  if (host->tree != nullptr) {
    json.key("matcher");  // where the virtual host's tree leads to
    if (search.action.empty()) {
      json.null();
    } else {
      json.value(search.action);
    }
  }
  json.key("route");
  if (route == nullptr) {
    json.null();
  } else {
    json.begin_object();
    json.member("name", route->name);
    json.member("number", route - host->routes.data());
    json.member("match", to_string(route->match));
    json.member("action", action_name(route->action));
    json.end_object();
  }
  json.key("earlier_routes");
  json.begin_array();
  for (const auto& [position, why] : search.earlier) {
    json.begin_object();
    json.member("number", position);
    json.member("name", host->routes[position].name);
    json.member("condition", why.condition);
    json.member("expected", why.expected);
    json.member("seen", why.seen);
    json.end_object();
  }
  json.end_array();
  if (search.left_out > 0) json.member("earlier_routes_left_out", search.left_out);
}

/// The clusters that the route names, with the share of requests that each gets.
void write_shares(JsonWriter& json, const RouteAction& action, const RouteOutcome& outcome) {
  if (action.target != RouteAction::Target::kWeighted) return;
  json.key("weighted_clusters");
  json.begin_array();
  for (const auto& weighted : action.weighted) {
    json.begin_object();
    json.member("name", weighted.name);
    if (!weighted.cluster_header.empty()) json.member("cluster_header", weighted.cluster_header);
    json.member("weight", weighted.weight);
    json.member("share_percent",
                100.0 * static_cast<double>(weighted.weight) / static_cast<double>(action.total_weight));
    json.member("chosen", &weighted == outcome.weighted);
    json.end_object();
  }
  json.end_array();
}

void write_mirrors(JsonWriter& json, const RouteTable& table, const RouteTable::Match& match,
                   const HeaderMap& head) {
  const auto& mirrors = choose_mirrors(table.config(), *match.virtual_host, *match.route);
  if (mirrors.empty()) return;
  json.key("mirrors");
  json.begin_array();
  for (const auto& policy : mirrors) {
    json.begin_object();
    json.member("cluster", mirror_cluster(policy, head));
    if (policy.fraction) {
      const auto& fraction = policy.fraction->value;
      json.member("share_percent", 100.0 * fraction.numerator / fraction.denominator);
    }
    json.end_object();
  }
  json.end_array();
}

/// What goes upstream: rewrites, headers, the cluster and its endpoints.
void write_forwarding(JsonWriter& json, Request& request, const RouteTable& table,
                      const RouteTable::Match& match, const RouteOutcome& outcome,
                      const Configuration& configuration) {
  const RouteAction& action = match.route->forward;
  write_shares(json, action, outcome);
  write_mirrors(json, table, match, request.head);
  const Cluster cluster = configuration.cluster(outcome.cluster);
  request.info.virtual_host = match.virtual_host;
  request.info.route = match.route;
  request.info.route_cluster = outcome.cluster;
  request.info.cluster = cluster.config.get();
  const HeaderMap before = request.head;
  apply_to_request(table, match, outcome, request.http, request.info, request.head);
  json.key("upstream_request");
  json.begin_object();
  json.member("authority", request.head.authority());
  json.member("path", request.head.path());
  write_changed(json, "path_rewrite", before.path(), request.head.path());
  write_changed(json, "host_rewrite", before.authority(), request.head.authority());
  if (action.host_rewrite->kind == HostRewrite::Kind::kAuto)
    json.member("auto_host_rewrite", "the chosen endpoint's host name");
  write_difference(json, "added_headers", request.head, before);
  write_difference(json, "removed_headers", before, request.head);
  json.end_object();
  const auto* weighted = outcome.weighted;
  const SubsetMatch& wanted = weighted != nullptr && !weighted->metadata_match.empty()
                                  ? weighted->metadata_match
                                  : action.metadata_match;
  json.key("cluster");
  write_cluster(json, outcome.cluster, configuration, wanted, request.question.most_endpoints);
  if (cluster.config == nullptr)
    write_answer(json, action.cluster_not_found_status, "cluster_not_found", {}, {});
}

/// The table that a request is looked up in; null: it is not there.
struct Tables {
  std::shared_ptr<const RouteTable> table;
  std::string name;
  const RouteScope* scope = nullptr;
};

Tables find_table(const HttpConnectionManagerConfig& http, const HeaderMap& head,
                  const Configuration& configuration) {
  if (http.scopes == nullptr) {
    return {http.routes != nullptr ? http.routes : configuration.routes(http.rds_name), http.rds_name};
  }
  const uint32_t number = http.scopes->find(head);
  if (number == ScopedRoutes::kNone) return {};
  const RouteScope& scope = http.scopes->scopes()[number];
  return {scope.routes != nullptr ? scope.routes : configuration.routes(scope.rds_name), scope.rds_name,
          &scope};
}

}  // namespace

void write_http(JsonWriter& json, const Question& question, const Landing& landing, const FilterChain& chain,
                const Configuration& configuration) {
  Request request(question, landing, chain);
  const auto& http = request.http;
  const Tables found = find_table(http, request.head, configuration);
  const auto& table = found.table;
  json.key("route_configuration");
  json.begin_object();
  if (http.scopes != nullptr) {
    json.key("scope");
    if (found.scope == nullptr) {
      json.null();
    } else {
      json.value(found.scope->name);
    }
  }
  json.member("name", table == nullptr ? found.name : table->config().name);
  json.member("loaded", table != nullptr);
  if (table != nullptr && !table->config().version.empty()) json.member("version", table->config().version);
  json.end_object();
  if (!write_admission(json, request, table.get())) return;
  write_filters(json, http);
  if (table == nullptr) return write_answer(json, 404, "route_configuration_not_found", {}, {});
  const RouteSearch search =
      table->explain(request.head, question.random, facts_of(request.info), question.most_routes);
  write_search(json, *table, search);
  const HashSource source{request.head, request.origin.remote, request.peer, &question.filter_state};
  const uint64_t random = search.match.route == nullptr
                              ? question.random
                              : weighted_random(search.match.route->forward, source, question.random);
  const RouteOutcome outcome =
      route_outcome(search.match, http, request.head, random, request.origin.internal);
  if (outcome.status != 0)
    return write_answer(json, outcome.status, outcome.details, outcome.location, outcome.body);
  write_forwarding(json, request, *table, search.match, outcome, configuration);
}

}  // namespace remora::explain
