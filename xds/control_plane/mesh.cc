#include "control_plane/mesh.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "istio/build/names.h"
#include "istio/build/outbound_change.h"
#include "istio/build/predecessor.h"

namespace remora::xds {
namespace {

/// Logs what was not there before, so that a standing fault is told once and not at every change elsewhere.
void log_new(const istio::Diagnostics& before, const istio::Diagnostics& now) {
  std::set<std::string> known;
  for (const istio::Diagnostic& finding : before) known.insert(istio::to_string(finding));
  for (const istio::Diagnostic& finding : now) {
    const std::string text = istio::to_string(finding);
    if (known.contains(text)) continue;
    const auto level = finding.severity == istio::Severity::kError ? spdlog::level::err : spdlog::level::warn;
    spdlog::log(level, "config: {}", text);
  }
}

std::optional<istio::Inventory::Kind> inventory_kind(const istio::Resource& resource) {
  if (!std::holds_alternative<istio::InventoryObject>(resource.spec)) return std::nullopt;
  if (resource.kind == "Pod") return istio::Inventory::Kind::kPod;
  if (resource.kind == "Node") return istio::Inventory::Kind::kNode;
  return istio::Inventory::Kind::kEndpointSlice;
}

/// The object as the inventory knows it: with its namespace said.
void put(istio::Inventory::Kind kind, const istio::Resource& resource, istio::Inventory& inventory) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(resource.json, error);
  if (error || !value.is_object()) return;
  boost::json::object& object = value.get_object();
  object["metadata"].as_object()["namespace"] = kind == istio::Inventory::Kind::kNode ? "" : resource.ns;
  inventory.put(kind, object);
}

/// With interception each endpoint of a headless service has a listener of its own; a gateway's listeners
/// are at the ports that its own Service leads to.
bool reaches_listeners(const istio::ProxyNode& node, const std::vector<istio::EndpointChange>& changes) {
  if (node.is_gateway()) {
    return std::any_of(changes.begin(), changes.end(),
                       [&](const istio::EndpointChange& change) { return change.service->ns == node.ns; });
  }
  return node.intercepted() &&
         std::any_of(changes.begin(), changes.end(),
                     [](const istio::EndpointChange& change) { return change.service->headless; });
}

/// Whether what two proxies know differs in little more than their namespaces' short names.
bool is_like(const istio::ProxyNode& one, const istio::ProxyNode& other) {
  return one.type == other.type && one.interception == other.interception && one.grpc == other.grpc &&
         one.plain_envoy == other.plain_envoy && one.vhds == other.vhds && one.on_demand == other.on_demand &&
         one.identified == other.identified;
}

/// What is equal in both is there once: of most services all namespaces have the same clusters.
std::shared_ptr<const istio::Snapshot> sharing(const istio::Snapshot& snapshot,
                                               const istio::Snapshot& alike) {
  auto shared = std::make_shared<istio::Snapshot>(snapshot);
  shared->share_with(alike);
  return shared;
}

}  // namespace

Mesh::Mesh(ResourceSource& source, istio::Inventory& inventory, istio::MeshSettings settings,
           DefaultScope scope)
    : source_(source),
      inventory_(inventory),
      settings_(std::move(settings)),
      scope_(scope),
      default_sidecar_(default_sidecar(scope, settings_.root_namespace)) {
  refresh();
  source_.watch([this] {
    refresh();
    if (on_change_) on_change_();
  });
}

void Mesh::refresh() {
  ResourceList list = source_.list();
  add_default_sidecar(default_sidecar_, list.resources);
  take_inventory(list.resources);
  follow_inventory();  // so that the next registry differs from this one in its configuration only
  const auto before = state_.registry;
  state_ = istio::reconcile(state_.registry.get(), list.resources, settings_, &inventory_);
  steering_ = steering_of(*state_.registry);
  istio::Diagnostics findings = std::move(list.findings);
  findings.insert(findings.end(), state_.findings.begin(), state_.findings.end());
  own_findings_ = std::move(findings);
  join_findings();
  ++version_;
  change_.reset();
  if (scope_ == DefaultScope::kAsked)
    asked_.use(state_.registry, before == nullptr ? istio::ConfigChange{true, {}, {}} : change_since(before));
  keep_outbound();
  forget_unused_own();
  spdlog::info("configuration {}: {} resources, {} services, {} findings", version_,
               state_.registry->resources().size(), state_.registry->services().size(), findings_.size());
}

/// What proxies have is what the next is made from: mostly it stays as it was. Of one registry only, so that
/// no other stays alive for proxies that have left.
void Mesh::keep_outbound() {
  if (!outbound_.empty()) outbound_before_ = std::exchange(outbound_, {});
}

void Mesh::join_findings() {
  istio::Diagnostics findings = own_findings_;
  findings.insert(findings.end(), further_findings_.begin(), further_findings_.end());
  log_new(findings_, findings);
  findings_ = std::move(findings);
}

void Mesh::set_further_findings(istio::Diagnostics findings) {
  if (findings == further_findings_) return;
  further_findings_ = std::move(findings);
  join_findings();
  ++version_;
}

/// Moves what files say about where things run into the inventory.
void Mesh::take_inventory(const std::vector<istio::ResourcePtr>& resources) {
  std::map<istio::ObjectName, istio::ResourcePtr> now;
  for (const istio::ResourcePtr& resource : resources) {
    const auto kind = inventory_kind(*resource);
    if (!kind) continue;
    const istio::ObjectName id{resource->kind, resource->ns + '/' + resource->name};
    now[id] = resource;
    const auto known = files_inventory_.find(id);
    if (known != files_inventory_.end() && known->second->json == resource->json) continue;
    put(*kind, *resource, inventory_);
  }
  for (const auto& [id, resource] : files_inventory_) {
    if (!now.contains(id)) inventory_.remove(*inventory_kind(*resource), resource->ns, resource->name);
  }
  files_inventory_ = std::move(now);
}

void Mesh::take_endpoints() {
  if (follow_inventory().empty()) return;
  ++version_;
  if (on_endpoints_) on_endpoints_();
}

/// Brings registry and snapshots in line with the inventory.
std::vector<istio::EndpointChange> Mesh::follow_inventory() {
  const auto inventory_changes = inventory_.take_changes();
  if (state_.registry == nullptr) return {};  // it will be made from all of it
  auto changes = state_.registry->update_endpoints(inventory_changes);
  if (changes.empty()) return changes;
  change_.reset();
  asked_.forget(changes);
  std::set<std::string> addresses;
  for (const istio::EndpointChange& change : changes) {
    addresses.insert(change.addresses.begin(), change.addresses.end());
  }
  for (auto& entry : outbound_) {
    Outbound& outbound = entry.second;
    if (reaches_listeners(outbound.node, changes)) {
      auto snapshot =
          std::make_shared<istio::Snapshot>(istio::build_outbound(*state_.registry, outbound.node));
      snapshot->share_with(*outbound.snapshot);
      outbound.snapshot = std::move(snapshot);
    } else {
      outbound.snapshot =
          istio::update_outbound(*state_.registry, outbound.node, *outbound.snapshot, changes);
    }
  }
  std::erase_if(snapshots_, [&](const auto& entry) {
    const auto& own = entry.second.addresses;
    return std::any_of(own.begin(), own.end(), [&](const auto& ip) { return addresses.contains(ip); });
  });
  return changes;
}

/// Proxies come and go with ever new labels and addresses; what is kept for them must not grow with that.
void Mesh::forget_unused() {
  constexpr size_t kMaxOutbound = 256;
  if (outbound_.size() >= kMaxOutbound) outbound_.clear();
  if (snapshots_.size() >= 2 * snapshots_in_use_ + kMaxOutbound) forget_unused_own();
}

void Mesh::forget_unused_own() {
  std::erase_if(snapshots_, [](const auto& entry) { return entry.second.snapshot.expired(); });
  snapshots_in_use_ = snapshots_.size();
}

const std::shared_ptr<const istio::Snapshot>& Mesh::outbound_for(const istio::ProxyNode& node) {
  const std::string key = outbound_key(node, steering_);
  Outbound& outbound = outbound_[key];
  if (outbound.snapshot != nullptr) return outbound.snapshot;
  const auto before = outbound_before_.extract(key);
  auto snapshot = before.empty()
                      ? std::make_shared<const istio::Snapshot>(istio::build_outbound(*state_.registry, node))
                      : make_outbound(node, before.mapped());
  const auto alike = std::find_if(outbound_.begin(), outbound_.end(), [&](const auto& other) {
    return other.second.snapshot != nullptr && is_like(other.second.node, node);
  });
  const bool is_new = before.empty() || snapshot != before.mapped().snapshot;
  if (is_new && alike != outbound_.end()) snapshot = sharing(*snapshot, *alike->second.snapshot);
  outbound = {node, std::move(snapshot), state_.registry};
  return outbound.snapshot;
}

/// From what proxies of this kind had, as far as it is still right.
std::shared_ptr<const istio::Snapshot> Mesh::make_outbound(const istio::ProxyNode& node,
                                                           const Outbound& before) {
  const istio::ConfigChange& change = change_since(before.registry);
  if (node.on_demand) {
    if (is_asked_for(change, *before.snapshot)) return before.snapshot;
  } else if (auto changed =
                 istio::change_outbound(*before.registry, *state_.registry, node, before.snapshot, change)) {
    return changed;
  }
  istio::Predecessor predecessor(*before.registry, *before.snapshot);
  return std::make_shared<const istio::Snapshot>(istio::build_outbound(*state_.registry, node, &predecessor));
}

/// Whether all that has changed is of services that proxies have no clusters for until they ask.
bool Mesh::is_asked_for(const istio::ConfigChange& change, const istio::Snapshot& outbound) const {
  const auto& clusters = outbound.group(istio::XdsType::kCluster).resources;
  const auto is_there = [&](const std::string& host) {
    const auto& ports = state_.registry->find_service(host)->ports;
    return std::any_of(ports.begin(), ports.end(), [&](const istio::MeshPort& port) {
      return clusters.contains(istio::outbound_cluster_name(port.number, "", host));
    });
  };
  // What a note says is missing may come to be there.
  return !change.everything && outbound.notes.empty() &&
         std::none_of(change.routes.begin(), change.routes.end(), is_there) &&
         std::none_of(change.clusters.begin(), change.clusters.end(), is_there);
}

/// Found out once for all proxies: they mostly come from the same registry.
const istio::ConfigChange& Mesh::change_since(const std::shared_ptr<const istio::Registry>& registry) {
  if (!change_ || change_->since != registry)
    change_ = Change{registry, istio::compare(*registry, *state_.registry)};
  return change_->change;
}

/// What the proxy had, with the outbound side as it is now. Null where its own side may have changed as well:
/// by other configuration, but not by other routes of others.
std::shared_ptr<const istio::Snapshot> Mesh::follow_own(
    const Own& own, const std::shared_ptr<const istio::Snapshot>& outbound) const {
  const auto known = own.snapshot.lock();
  if (known == nullptr) return nullptr;
  const bool same_side =
      own.registry == state_.registry || (change_ && change_->since == own.registry &&
                                          !change_->change.everything && change_->change.clusters.empty());
  if (!same_side) return nullptr;
  return own.outbound == outbound ? known : istio::follow_outbound(known, *own.outbound, *outbound);
}

/// With its place, where that matters and the proxy does not say: its workload's.
istio::ProxyNode Mesh::located(istio::ProxyNode node) const {
  if (!steering_.localities || !node.locality.empty() || node.ip.empty()) return node;
  const auto served = state_.registry->instances_at(node.ip);
  if (!served.empty()) node.locality = served.front().endpoint->locality;
  return node;
}

std::shared_ptr<const istio::Snapshot> Mesh::snapshot_for(const istio::ProxyNode& proxy) {
  forget_unused();
  const istio::ProxyNode node = located(proxy);
  const auto& outbound = outbound_for(node);
  Own& own = snapshots_[node.key()];
  auto snapshot = follow_own(own, outbound);
  if (snapshot == nullptr) snapshot = istio::build_snapshot(*state_.registry, node, outbound);
  own = {node.addresses, snapshot, outbound, state_.registry};
  own.addresses.push_back(node.ip);
  return snapshot;
}

std::shared_ptr<const istio::Snapshot> Mesh::snapshot_for(const istio::ProxyNode& node, AskedNames& asked) {
  const auto& settings = state_.registry->settings();
  const auto scope = state_.registry->sidecars().scope_of(node.ns, node.labels, settings.outbound_policy);
  istio::ProxyNode kind = located(node);
  kind.on_demand = node.on_demand && scope.sidecar() == nullptr;
  auto unasked = snapshot_for(kind);
  if (!kind.on_demand) return unasked;
  const std::string key = outbound_key(kind, steering_);
  return asked.compose(unasked, [&](const auto& name) { return asked_.part(key, kind, *unasked, name); });
}

}  // namespace remora::xds
