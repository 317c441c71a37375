#pragma once

#include <optional>
#include <string>
#include <vector>

#include "istio/model/resource.h"

// Delegation: a VirtualService with hosts (the root) leaves some of its routes to others without hosts.
// Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate
namespace remora::istio {

/// What takes effect of VirtualServices, and what is to be said about it.
struct MergedServices {
  std::vector<ResourcePtr> effective;  ///< in the order given, roots with their delegates' routes in place
  Diagnostics findings;
};

/// Puts the routes of delegates into their roots. A delegate's route whose conditions are not part of its
/// root's is left out, and reported. A route that delegates to nobody is left out (references.h reports it).
/// Pure.
MergedServices merge_delegates(const std::vector<ResourcePtr>& virtual_services);

/// "VirtualService <namespace>/<name>" of the one that a route of `root` delegates to.
std::string delegate_id(const Delegate& delegate, const Resource& root);

/// Why `root` cannot use the delegate that `candidate` (null: there is none of that name) is; empty if it
/// can.
std::string delegate_fault(const Resource* candidate, const Resource& root);

/// Either's conditions taken together: those of `inner`, and of `outer` what it does not say. Nothing where
/// some request could fulfil `inner` and not `outer`.
std::optional<HttpMatch> merge_match(const HttpMatch& outer, const HttpMatch& inner);

}  // namespace remora::istio
