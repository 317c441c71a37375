#include "control_plane/mesh.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace remora::xds {
namespace {

/// Logs what was not there before, so that a standing fault is told once and not at every change elsewhere.
void log_new(const istio::Diagnostics& before, const istio::Diagnostics& now) {
  for (const istio::Diagnostic& finding : now) {
    if (std::find(before.begin(), before.end(), finding) != before.end()) continue;
    const auto level = finding.severity == istio::Severity::kError ? spdlog::level::err : spdlog::level::warn;
    spdlog::log(level, "config: {}", istio::to_string(finding));
  }
}

}  // namespace

Mesh::Mesh(ResourceSource& source) : source_(source) {
  refresh();
  source_.watch([this] {
    refresh();
    if (on_change_) on_change_();
  });
}

void Mesh::refresh() {
  ResourceList list = source_.list();
  state_ = istio::reconcile(state_.registry.get(), list.resources);
  istio::Diagnostics findings = std::move(list.findings);
  findings.insert(findings.end(), state_.findings.begin(), state_.findings.end());
  log_new(findings_, findings);
  findings_ = std::move(findings);
  ++version_;
  outbound_.clear();
  snapshots_.clear();
  spdlog::info("configuration {}: {} resources, {} services, {} findings", version_,
               state_.registry->resources().size(), state_.registry->services().size(), findings_.size());
}

std::shared_ptr<const istio::Snapshot> Mesh::snapshot_for(const istio::ProxyNode& node) {
  auto& shared = snapshots_[node.key()];
  if (auto snapshot = shared.lock()) return snapshot;
  auto& outbound = outbound_[node.outbound_key()];
  if (outbound == nullptr) {
    outbound = std::make_shared<const istio::Snapshot>(istio::build_outbound(*state_.registry, node));
  }
  auto snapshot =
      std::make_shared<const istio::Snapshot>(istio::build_snapshot(*state_.registry, node, *outbound));
  shared = snapshot;
  return snapshot;
}

}  // namespace remora::xds
