#include "istio/registry/jwt_policies.h"

#include <algorithm>

#include "istio/model/hosts.h"

namespace remora::istio {

JwtPolicies::JwtPolicies(const std::vector<ResourcePtr>& resources, std::string root_namespace)
    : root_namespace_(std::move(root_namespace)) {
  for (const ResourcePtr& resource : resources) {
    if (std::holds_alternative<RequestAuthentication>(resource->spec))
      spaces_[resource->ns].push_back(resource);
  }
}

std::vector<const JwtRule*> JwtPolicies::rules_for(const std::string& ns, const Labels& labels) const {
  std::vector<const JwtRule*> rules;
  const auto add = [&](const std::string& space) {
    const auto found = spaces_.find(space);
    if (found == spaces_.end()) return;
    for (const ResourcePtr& resource : found->second) {
      const auto& policy = std::get<RequestAuthentication>(resource->spec);
      if (!labels_match(policy.selector, labels)) continue;
      for (const JwtRule& rule : policy.rules) rules.push_back(&rule);
    }
  };
  add(root_namespace_);
  if (ns != root_namespace_) add(ns);
  std::ranges::stable_sort(rules, {}, [](const JwtRule* rule) -> const std::string& { return rule->issuer; });
  return rules;
}

}  // namespace remora::istio
