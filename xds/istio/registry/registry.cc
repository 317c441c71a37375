#include "istio/registry/registry.h"

#include <algorithm>
#include <tuple>

#include "istio/model/hosts.h"
#include "istio/registry/delegates.h"
#include "istio/registry/service_endpoints.h"

namespace remora::istio {
namespace {

/// Istio's order of precedence: the older object, then by name. Objects without a date count as oldest.
bool precedes(const ResourcePtr& a, const ResourcePtr& b) {
  return std::tie(a->creation_timestamp, a->ns, a->name, a->kind) <
         std::tie(b->creation_timestamp, b->ns, b->name, b->kind);
}

std::vector<ResourcePtr> in_order(std::vector<ResourcePtr> resources) {
  std::sort(resources.begin(), resources.end(), precedes);
  return resources;
}

}  // namespace

Diagnostic finding(Severity severity, const Resource& resource, std::string path, std::string message) {
  return {severity, resource.file, resource.line, resource.id(), std::move(path), std::move(message)};
}

const MeshPort* MeshService::find_port(uint16_t number) const {
  const auto port =
      std::find_if(ports.begin(), ports.end(), [&](const MeshPort& p) { return p.number == number; });
  return port == ports.end() ? nullptr : &*port;
}

const Subset* MergedRule::find_subset(const std::string& name) const {
  const auto subset =
      std::find_if(subsets.begin(), subsets.end(), [&](const Subset& s) { return s.name == name; });
  return subset == subsets.end() ? nullptr : &*subset;
}

const std::vector<std::string>& MergedRule::export_to() const {
  return std::get<DestinationRule>(parts.front()->spec).export_to;
}

Registry::Registry(std::vector<ResourcePtr> resources, MeshSettings settings, const Inventory* inventory)
    : settings_(std::move(settings)),
      resources_(in_order(std::move(resources))),
      peer_policies_(resources_, settings_.root_namespace),
      jwt_policies_(resources_, settings_.root_namespace),
      sidecars_(resources_, settings_.root_namespace),
      inventory_(inventory),
      findings_(peer_policies_.findings()) {
  for (const ResourcePtr& resource : resources_) {
    if (std::holds_alternative<Workload>(resource->spec)) workloads_.push_back(resource);
    if (std::holds_alternative<VirtualService>(resource->spec)) virtual_services_.push_back(resource);
  }
  add_virtual_services();
  findings_.insert(findings_.end(), sidecars_.findings().begin(), sidecars_.findings().end());
  add_services();
  add_rules();
}

void Registry::add_virtual_services() {
  for (const ResourcePtr& resource : virtual_services_)
    virtual_service_by_id_.emplace(resource->id(), resource.get());
  MergedServices merged = merge_delegates(virtual_services_);
  effective_virtual_services_ = std::move(merged.effective);
  findings_.insert(findings_.end(), merged.findings.begin(), merged.findings.end());
  gateways_.emplace(resources_, effective_virtual_services_);
  findings_.insert(findings_.end(), gateways_->findings().begin(), gateways_->findings().end());
}

const Resource* Registry::find_virtual_service(const std::string& id) const {
  const auto found = virtual_service_by_id_.find(id);
  return found == virtual_service_by_id_.end() ? nullptr : found->second;
}

void Registry::add_services() {
  workload_index_ = std::make_shared<const WorkloadIndex>(workloads_, resources_);
  for (const ResourcePtr& resource : resources_) {
    const auto* service = std::get_if<Service>(&resource->spec);
    if (service != nullptr && !service->external_name.empty()) {
      aliases_[resolve_host(resource->name, resource->ns)] = service->external_name;
      continue;
    }
    for (MeshService& defined : mesh_services(resource, *workload_index_, inventory_)) {
      add_service(std::move(defined));
    }
  }
  settle_aliases();
}

/// Each alias leads to what is none itself. Those that lead in a circle, as no name server would follow them,
/// and those of hosts that are defined otherwise, are none.
void Registry::settle_aliases() {
  std::erase_if(aliases_, [&](const auto& alias) { return service_by_host_.contains(alias.first); });
  std::map<std::string, std::string> settled;
  for (const auto& [host, target] : aliases_) {
    auto next = aliases_.find(target);
    size_t steps = 0;
    const std::string* end = &target;
    for (; next != aliases_.end() && steps < aliases_.size(); ++steps) {
      end = &next->second;
      next = aliases_.find(*end);
    }
    if (next == aliases_.end()) settled.emplace(host, *end);
  }
  aliases_ = std::move(settled);
  for (const auto& [host, target] : aliases_) {
    const auto place = service_by_host_.find(target);
    if (place != service_by_host_.end()) services_[place->second].aliases.push_back(host);
  }
}

const std::string& Registry::meant_host(const std::string& host) const {
  const auto alias = aliases_.find(host);
  return alias == aliases_.end() ? host : alias->second;
}

void Registry::add_service(MeshService service) {
  const auto [place, fresh] = service_by_host_.emplace(service.host, services_.size());
  if (!fresh) {
    findings_.push_back(finding(Severity::kWarning, *service.origin, "",
                                "has no effect for host " + service.host + ": " +
                                    services_[place->second].origin->id() + " defines it already"));
    return;
  }
  services_.push_back(std::move(service));
  index_service(services_.size() - 1);
}

void Registry::add_rules() {
  for (const ResourcePtr& resource : resources_) {
    const auto* rule = std::get_if<DestinationRule>(&resource->spec);
    if (rule == nullptr) continue;
    MergedRule& merged = rules_[resource->ns][resolve_host(rule->host, resource->ns)];
    if (merged.parts.empty()) merged.traffic_policy = rule->traffic_policy;
    if (rule->traffic_policy.settings.aperture) has_apertures_ = true;
    merged.parts.push_back(resource);
    for (const Subset& subset : rule->subsets) {
      if (merged.find_subset(subset.name) == nullptr) {
        merged.subsets.push_back(subset);
      } else {
        findings_.push_back(finding(Severity::kWarning, *resource, "spec.subsets",
                                    "subset \"" + subset.name + "\" has no effect: " +
                                        merged.parts.front()->id() + " defines it already"));
      }
    }
  }
}

const MeshService* Registry::find_service(const std::string& host) const {
  const auto place = service_by_host_.find(meant_host(host));
  return place == service_by_host_.end() ? nullptr : &services_[place->second];
}

const MergedRule* Registry::rule_in(const std::string& ns, const std::string& host) const {
  const auto rules = rules_.find(ns);
  if (rules == rules_.end()) return nullptr;
  const auto exact = rules->second.find(host);
  if (exact != rules->second.end()) return &exact->second;
  const MergedRule* best = nullptr;
  size_t longest = 0;
  // Wildcards sort before every name, so they stand together at the front.
  for (const auto& [pattern, rule] : rules->second) {
    if (!pattern.starts_with('*')) break;
    if (pattern.size() > longest && host_matches(pattern, host)) {
      best = &rule;
      longest = pattern.size();
    }
  }
  return best;
}

const MergedRule* Registry::find_rule(const std::string& name, const std::string& client_ns) const {
  const std::string& host = meant_host(name);
  if (const MergedRule* own = rule_in(client_ns, host)) return own;
  const MeshService* service = find_service(host);
  if (service == nullptr || service->ns == client_ns) return nullptr;
  const MergedRule* rule = rule_in(service->ns, host);
  return rule != nullptr && exported_to(rule->export_to(), service->ns, client_ns) ? rule : nullptr;
}

}  // namespace remora::istio
