#include "istio/build/sticky.h"

#include <cstdint>
#include <cstdio>
#include <utility>

#include "envoy/config/route/v3/route_components.pb.h"
#include "istio/build/hash_bytes.h"

namespace remora::istio {
namespace {

using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteAction;
using envoy::config::route::v3::WeightedCluster;
using Choice = WeightedCluster::ClusterWeight;

/// Sixteen digits that stand for a destination, the same for every proxy and build, and tell nothing of the
/// mesh to whoever reads the cookie.
std::string tag_of(const std::string& cluster) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash_bytes(cluster)));
  return text;
}

/// The hash comes first and ends the list: where the destinations hash for their hosts too, that holds for
/// requests without the header.
void hash_by(const std::string& header, RouteAction& action) {
  action.mutable_weighted_clusters()->mutable_use_hash_policy()->set_value(true);
  auto& policies = *action.mutable_hash_policy();
  auto& policy = *policies.Add();
  policy.mutable_header()->set_header_name(header);
  policy.set_terminal(true);
  for (int i = policies.size() - 1; i > 0; --i) policies.SwapElements(i, i - 1);
}

template <typename List>
void put_before(const List& first, List& list) {
  List joined = first;
  joined.MergeFrom(list);
  list.Swap(&joined);
}

/// What `route` does when it chooses `choice`, for requests that bring its cookie.
Route route_to(const Choice& choice, const Sticky& sticky, const Route& route) {
  Route out = route;
  auto& header = *out.mutable_match()->add_headers();
  header.set_name("cookie");
  // The whole field has to match: other cookies before it and behind it.
  header.mutable_string_match()->mutable_safe_regex()->set_regex("(.*; ?)?" + sticky.name + "=" +
                                                                 tag_of(choice.name()) + "(;.*)?");
  out.mutable_route()->set_cluster(choice.name());
  if (!choice.host_rewrite_literal().empty())
    out.mutable_route()->set_host_rewrite_literal(choice.host_rewrite_literal());
  put_before(choice.request_headers_to_add(), *out.mutable_request_headers_to_add());
  put_before(choice.response_headers_to_add(), *out.mutable_response_headers_to_add());
  put_before(choice.request_headers_to_remove(), *out.mutable_request_headers_to_remove());
  put_before(choice.response_headers_to_remove(), *out.mutable_response_headers_to_remove());
  return out;
}

void set_cookie(const Sticky& sticky, Choice& choice) {
  std::string value = sticky.name + "=" + tag_of(choice.name());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(sticky.max_age).count();
  if (seconds > 0) value += "; Max-Age=" + std::to_string(seconds);
  auto& option = *choice.add_response_headers_to_add();
  option.mutable_header()->set_key("set-cookie");
  option.mutable_header()->set_value(value + "; Path=/; HttpOnly");
  option.set_append_action(envoy::config::core::v3::HeaderValueOption::APPEND_IF_EXISTS_OR_ADD);
}

}  // namespace

std::vector<Route> stick(const Sticky& sticky, Route route) {
  std::vector<Route> routes;
  if (route.route().weighted_clusters().clusters_size() > 1) {
    auto& action = *route.mutable_route();
    if (sticky.by == Sticky::By::kHeader) {
      hash_by(sticky.name, action);
    } else {
      for (const Choice& choice : action.weighted_clusters().clusters())
        routes.push_back(route_to(choice, sticky, route));
      for (Choice& choice : *action.mutable_weighted_clusters()->mutable_clusters())
        set_cookie(sticky, choice);
    }
  }
  routes.push_back(std::move(route));
  return routes;
}

}  // namespace remora::istio
