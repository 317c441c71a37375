#include "envoy/config/route/v3/route_components.pb.h"
#include "istio/build/proto_util.h"
#include "istio/build/translate.h"

namespace remora::istio {

std::optional<ConsistentHash> consistent_hash_of(const std::string& host, const std::string& subset,
                                                 uint16_t port, const MeshView& view) {
  const MergedRule* rule = view.registry().find_rule(host, view.node().ns);
  if (rule == nullptr) return std::nullopt;
  return effective_policy(rule, rule->find_subset(subset), port).consistent_hash;
}

void add_hash_policy(const std::optional<ConsistentHash>& hash,
                     envoy::config::route::v3::RouteAction& action) {
  if (!hash) return;
  auto& policy = *action.add_hash_policy();
  switch (hash->key) {
    case ConsistentHash::Key::kHeader: policy.mutable_header()->set_header_name(hash->name); return;
    case ConsistentHash::Key::kQueryParameter: policy.mutable_query_parameter()->set_name(hash->name); return;
    case ConsistentHash::Key::kSourceIp:
      policy.mutable_connection_properties()->set_source_ip(hash->use_source_ip);
      return;
    case ConsistentHash::Key::kCookie: break;
  }
  auto& cookie = *policy.mutable_cookie();
  cookie.set_name(hash->name);
  cookie.set_path(hash->cookie_path);
  if (hash->cookie_ttl) set_duration(*hash->cookie_ttl, *cookie.mutable_ttl());
  for (const auto& [name, value] : hash->cookie_attributes) {
    auto& attribute = *cookie.add_attributes();
    attribute.set_name(name);
    attribute.set_value(value);
  }
}

}  // namespace remora::istio
