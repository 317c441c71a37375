#include <algorithm>
#include <cctype>

#include "envoy/config/route/v3/route_components.pb.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"
#include "istio/build/translate.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

using envoy::config::core::v3::HeaderValueOption;
using envoy::config::route::v3::RedirectAction;
using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteAction;
using HeaderList = google::protobuf::RepeatedPtrField<HeaderValueOption>;

bool is_authority(const std::string& header) {
  std::string lower = header;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower == "host" || lower == ":authority";
}

void add_header(const std::string& name, const std::string& value,
                HeaderValueOption::HeaderAppendAction action, HeaderList& out) {
  HeaderValueOption& option = *out.Add();
  option.mutable_header()->set_key(name);
  option.mutable_header()->set_value(value);
  option.set_append_action(action);
}

void add_headers(const HeaderOperations& operations, HeaderList& out) {
  for (const auto& [name, value] : operations.add) {
    if (!is_authority(name)) add_header(name, value, HeaderValueOption::APPEND_IF_EXISTS_OR_ADD, out);
  }
  for (const auto& [name, value] : operations.set) {
    if (!is_authority(name)) add_header(name, value, HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD, out);
  }
}

/// Header operations onto anything that has Envoy's four lists: a Route or one weighted cluster.
template <typename T>
void apply_headers(const Headers& headers, T& out) {
  add_headers(headers.request, *out.mutable_request_headers_to_add());
  add_headers(headers.response, *out.mutable_response_headers_to_add());
  for (const std::string& name : headers.request.remove) out.add_request_headers_to_remove(name);
  for (const std::string& name : headers.response.remove) out.add_response_headers_to_remove(name);
}

/// Envoy does not let header operations touch Host: setting it is a rewrite.
std::string authority_of(const Headers& headers) {
  for (const auto* operations : {&headers.request.set, &headers.request.add}) {
    for (const auto& [name, value] : *operations) {
      if (is_authority(name)) return value;
    }
  }
  return "";
}

void apply_redirect(const HttpRedirect& wanted, uint16_t port, RedirectAction& redirect) {
  if (!wanted.authority.empty()) redirect.set_host_redirect(wanted.authority);
  if (!wanted.uri.empty()) redirect.set_path_redirect(wanted.uri);
  if (!wanted.scheme.empty()) redirect.set_scheme_redirect(wanted.scheme);
  if (wanted.port_from == HttpRedirect::Port::kGiven) redirect.set_port_redirect(wanted.port);
  if (wanted.port_from == HttpRedirect::Port::kRequest) redirect.set_port_redirect(port);
  switch (wanted.code) {
    case 302: redirect.set_response_code(RedirectAction::FOUND); break;
    case 303: redirect.set_response_code(RedirectAction::SEE_OTHER); break;
    case 307: redirect.set_response_code(RedirectAction::TEMPORARY_REDIRECT); break;
    case 308: redirect.set_response_code(RedirectAction::PERMANENT_REDIRECT); break;
    default: redirect.set_response_code(RedirectAction::MOVED_PERMANENTLY); break;
  }
}

void apply_rewrite(const HttpRewrite& rewrite, RouteAction& action) {
  if (!rewrite.regex.empty()) {
    action.mutable_regex_rewrite()->mutable_pattern()->set_regex(rewrite.regex);
    action.mutable_regex_rewrite()->set_substitution(rewrite.regex_substitution);
  } else if (!rewrite.uri.empty()) {
    action.set_prefix_rewrite(rewrite.uri);
  }
}

void add_mirror(const HttpMirror& mirror, const std::string& cluster, RouteAction& action) {
  if (mirror.percentage <= 0) return;
  auto& policy = *action.add_request_mirror_policies();
  policy.set_cluster(cluster);
  set_percentage(mirror.percentage, *policy.mutable_runtime_fraction()->mutable_default_value());
}

class DestinationBuilder {
 public:
  DestinationBuilder(const Resource& owner, uint16_t port, const MeshView& view)
      : owner_(owner),
        port_(port),
        view_(view) {}

  std::string cluster(const Destination& destination) const {
    return view_.destination_cluster(destination, owner_, port_);
  }

  std::optional<ConsistentHash> hash(const Destination& destination) const {
    const auto [host, port] = view_.destination_of(destination, owner_, port_);
    return consistent_hash_of(host, destination.subset, port, view_);
  }

  void one(const RouteDestination& entry, Route& route) const {
    RouteAction& action = *route.mutable_route();
    add_hash_policy(hash(entry.destination), action);
    action.set_cluster(cluster(entry.destination));
    apply_headers(entry.headers, route);
    const std::string authority = authority_of(entry.headers);
    if (!authority.empty() && action.host_rewrite_literal().empty())
      action.set_host_rewrite_literal(authority);
  }

  /// The hashes of all of them make one, whichever is chosen.
  void several(const std::vector<RouteDestination>& entries, RouteAction& action) const {
    auto& weighted = *action.mutable_weighted_clusters();
    for (const RouteDestination& entry : entries) {
      if (entry.weight == 0) continue;
      auto& choice = *weighted.add_clusters();
      choice.set_name(cluster(entry.destination));
      choice.mutable_weight()->set_value(entry.weight);
      add_hash_policy(hash(entry.destination), action);
      apply_headers(entry.headers, choice);
      const std::string authority = authority_of(entry.headers);
      if (!authority.empty()) choice.set_host_rewrite_literal(authority);
    }
  }

 private:
  const Resource& owner_;
  uint16_t port_;
  const MeshView& view_;
};

void apply_forwarding(const HttpRoute& http, const DestinationBuilder& destinations, Route& route) {
  RouteAction& action = *route.mutable_route();
  // Envoy gives up after 15 s unless told; Istio's routes have no timeout unless they name one.
  set_duration(http.timeout.value_or(Duration::zero()), *action.mutable_timeout());
  std::string authority = authority_of(http.headers);
  if (http.rewrite) {
    apply_rewrite(*http.rewrite, action);
    if (!http.rewrite->authority.empty()) authority = http.rewrite->authority;
  }
  if (!authority.empty()) action.set_host_rewrite_literal(authority);
  for (const HttpMirror& mirror : http.mirrors)
    add_mirror(mirror, destinations.cluster(mirror.destination), action);
  const bool one = http.route.size() == 1;
  apply_retry_policy(http.retries, one && destinations.hash(http.route.front().destination), action);
  if (one) {
    destinations.one(http.route.front(), route);
  } else {
    destinations.several(http.route, action);
  }
}

}  // namespace

void apply_route_action(const HttpRoute& http, const Resource& owner, uint16_t port, const MeshView& view,
                        Route& route) {
  apply_headers(http.headers, route);
  if (http.redirect) {
    apply_redirect(*http.redirect, port, *route.mutable_redirect());
  } else if (http.direct_response) {
    auto& response = *route.mutable_direct_response();
    response.set_status(http.direct_response->status);
    const std::string& body = http.direct_response->body;
    if (http.direct_response->is_text) {
      if (!body.empty()) response.mutable_body()->set_inline_string(body);
    } else {
      response.mutable_body()->set_inline_bytes(body);
    }
  } else {
    apply_forwarding(http, DestinationBuilder(owner, port, view), route);
  }
}

}  // namespace remora::istio
