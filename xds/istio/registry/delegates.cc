#include "istio/registry/delegates.h"

#include <map>
#include <set>
#include <utility>

#include "istio/model/hosts.h"
#include "istio/registry/registry.h"

namespace remora::istio {
namespace {

const VirtualService& spec_of(const Resource& resource) { return std::get<VirtualService>(resource.spec); }

bool empty(const HeaderOperations& operations) {
  return operations.set.empty() && operations.add.empty() && operations.remove.empty();
}

/// What the delegate's route does not say itself, its root says.
void inherit_action(const HttpRoute& root, HttpRoute& route) {
  if (!root.name.empty()) route.name = route.name.empty() ? root.name : root.name + '-' + route.name;
  if (!route.rewrite && !route.redirect && !route.direct_response) route.rewrite = root.rewrite;
  if (!route.timeout) route.timeout = root.timeout;
  if (!route.retries) route.retries = root.retries;
  if (!route.fault) route.fault = root.fault;
  if (!route.cors) route.cors = root.cors;
  if (route.mirrors.empty()) route.mirrors = root.mirrors;
  if (empty(route.headers.request) && empty(route.headers.response)) route.headers = root.headers;
}

/// Short names mean those of the namespace that they were written in.
void resolve_hosts(const std::string& ns, HttpRoute& route) {
  for (RouteDestination& entry : route.route)
    entry.destination.host = resolve_host(entry.destination.host, ns);
  for (HttpMirror& mirror : route.mirrors)
    mirror.destination.host = resolve_host(mirror.destination.host, ns);
}

/// Every condition of the delegate within each of the root's that it is part of. Nothing where one is part of
/// none.
std::optional<std::vector<HttpMatch>> merge_matches(const std::vector<HttpMatch>& root,
                                                    const std::vector<HttpMatch>& delegate) {
  if (root.empty() || delegate.empty()) return root.empty() ? delegate : root;
  std::vector<HttpMatch> merged;
  for (const HttpMatch& inner : delegate) {
    const size_t before = merged.size();
    for (const HttpMatch& outer : root) {
      if (auto both = merge_match(outer, inner)) merged.push_back(std::move(*both));
    }
    if (merged.size() == before) return std::nullopt;
  }
  return merged;
}

class Merger {
 public:
  explicit Merger(const std::vector<ResourcePtr>& virtual_services) {
    for (const ResourcePtr& resource : virtual_services) {
      if (spec_of(*resource).is_delegate()) delegates_.emplace(resource->id(), resource);
    }
  }

  ResourcePtr merge(const Resource& root) {
    auto merged = std::make_shared<Resource>(root);
    auto& service = std::get<VirtualService>(merged->spec);
    service.http.clear();
    for (const HttpRoute& route : spec_of(root).http) {
      if (route.delegate) {
        add_delegated(root, route, service.http);
      } else {
        service.http.push_back(route);
      }
    }
    return merged;
  }

  Diagnostics finish() {
    for (const auto& [id, resource] : delegates_) {
      if (used_.contains(id)) continue;
      findings_.push_back(
          finding(Severity::kWarning, *resource, "spec.hosts",
                  "names no host, and no VirtualService delegates to this one: it has no effect"));
    }
    return std::move(findings_);
  }

 private:
  void add_delegated(const Resource& root, const HttpRoute& from, std::vector<HttpRoute>& out) {
    const auto found = delegates_.find(delegate_id(*from.delegate, root));
    if (found == delegates_.end() || !delegate_fault(found->second.get(), root).empty()) return;
    used_.insert(found->first);
    const Resource& delegate = *found->second;
    for (HttpRoute route : spec_of(delegate).http) {
      auto match = merge_matches(from.match, route.match);
      if (!match) {
        findings_.push_back(finding(Severity::kWarning, delegate, route.path + ".match",
                                    "has no effect below " + root.id() + ' ' + from.path +
                                        ": its conditions are not part of that route's"));
        findings_.back().line = route.line;
        continue;
      }
      route.match = std::move(*match);
      resolve_hosts(delegate.ns, route);
      inherit_action(from, route);
      out.push_back(std::move(route));
    }
  }

  std::map<std::string, ResourcePtr> delegates_;
  std::set<std::string> used_;
  Diagnostics findings_;
};

}  // namespace

std::string delegate_id(const Delegate& delegate, const Resource& root) {
  return "VirtualService " + (delegate.ns.empty() ? root.ns : delegate.ns) + '/' + delegate.name;
}

std::string delegate_fault(const Resource* candidate, const Resource& root) {
  if (candidate == nullptr) return "does not exist";
  const VirtualService& service = spec_of(*candidate);
  if (!service.is_delegate()) return "has hosts of its own, so nobody can delegate to it";
  if (!exported_to(service.export_to, candidate->ns, root.ns))
    return "is not exported to the namespace " + root.ns;
  return {};
}

MergedServices merge_delegates(const std::vector<ResourcePtr>& virtual_services) {
  MergedServices out;
  Merger merger(virtual_services);
  for (const ResourcePtr& resource : virtual_services) {
    const VirtualService& service = spec_of(*resource);
    if (service.is_delegate()) continue;
    out.effective.push_back(service.is_root() ? merger.merge(*resource) : resource);
  }
  out.findings = merger.finish();
  return out;
}

}  // namespace remora::istio
