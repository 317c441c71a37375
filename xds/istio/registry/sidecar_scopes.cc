#include "istio/registry/sidecar_scopes.h"

#include <algorithm>

#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

constexpr char kExcept = '~';

bool namespace_matches(std::string_view wanted, const std::string& owner, const std::string& own) {
  return wanted == "*" || owner == (wanted == "." ? own : wanted);
}

bool host_is_meant(const std::string& pattern, const std::string& host) {
  return host_matches(pattern, host) || host_matches(host, pattern);
}

}  // namespace

SidecarScope::SidecarScope(const Sidecar* sidecar, std::string ns, OutboundPolicy mesh_policy)
    : sidecar_(sidecar),
      ns_(std::move(ns)),
      mesh_policy_(mesh_policy) {}

bool SidecarScope::knows(const std::string& owner_ns, const std::string& host) const {
  if (knows_everything()) return true;
  return std::ranges::any_of(sidecar_->egress,
                             [&](const EgressListener& listener) { return knows(listener, owner_ns, host); });
}

bool SidecarScope::knows(const EgressListener& listener, const std::string& owner_ns,
                         const std::string& host) const {
  bool known = false;
  for (const auto& [ns, pattern] : listener.hosts) {
    const bool except = ns.starts_with(kExcept);
    if (except) {
      const std::string_view rest = std::string_view(ns).substr(1);
      // Of a range of hosts something is left when one of them is taken away.
      if (namespace_matches(rest.empty() ? "*" : rest, owner_ns, ns_) && host_matches(pattern, host))
        return false;
    } else if (!known) {
      known = namespace_matches(ns, owner_ns, ns_) && host_is_meant(pattern, host);
    }
  }
  return known;
}

OutboundPolicy SidecarScope::policy() const {
  return sidecar_ == nullptr ? mesh_policy_ : sidecar_->outbound_policy.value_or(mesh_policy_);
}

SidecarScopes::SidecarScopes(const std::vector<ResourcePtr>& oldest_first, std::string root_namespace)
    : root_namespace_(std::move(root_namespace)),
      sidecars_(oldest_first, &Sidecar::workload_selector) {}

const Sidecar* SidecarScopes::sidecar_for(const std::string& ns, const Labels& labels) const {
  if (const Sidecar* own = sidecars_.of_workload(ns, labels)) return own;
  if (const Sidecar* whole = sidecars_.of_namespace(ns)) return whole;
  return sidecars_.of_namespace(root_namespace_);
}

SidecarScope SidecarScopes::scope_of(const std::string& ns, const Labels& labels,
                                     OutboundPolicy mesh_policy) const {
  return {sidecar_for(ns, labels), ns, mesh_policy};
}

}  // namespace remora::istio
