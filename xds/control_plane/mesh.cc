#include "control_plane/mesh.h"

#include <spdlog/spdlog.h>

#include <set>
#include <string>

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

}  // namespace

Mesh::Mesh(ResourceSource& source, istio::MeshSettings settings)
    : source_(source),
      settings_(std::move(settings)) {
  refresh();
  source_.watch([this] {
    refresh();
    if (on_change_) on_change_();
  });
}

void Mesh::refresh() {
  ResourceList list = source_.list();
  state_ = istio::reconcile(state_.registry.get(), list.resources, settings_);
  istio::Diagnostics findings = std::move(list.findings);
  findings.insert(findings.end(), state_.findings.begin(), state_.findings.end());
  log_new(findings_, findings);
  findings_ = std::move(findings);
  ++version_;
  outbound_.clear();
  snapshots_.clear();
  snapshots_in_use_ = 0;
  spdlog::info("configuration {}: {} resources, {} services, {} findings", version_,
               state_.registry->resources().size(), state_.registry->services().size(), findings_.size());
}

/// Proxies come and go with ever new labels and addresses; what is kept for them must not grow with that.
void Mesh::forget_unused() {
  constexpr size_t kMaxOutbound = 256;
  if (outbound_.size() >= kMaxOutbound) outbound_.clear();
  if (snapshots_.size() < 2 * snapshots_in_use_ + kMaxOutbound) return;
  std::erase_if(snapshots_, [](const auto& entry) { return entry.second.expired(); });
  snapshots_in_use_ = snapshots_.size();
}

std::shared_ptr<const istio::Snapshot> Mesh::snapshot_for(const istio::ProxyNode& node) {
  forget_unused();
  auto& shared = snapshots_[node.key()];
  if (auto snapshot = shared.lock()) return snapshot;
  auto& outbound = outbound_[node.outbound_key()];
  if (outbound == nullptr) {
    outbound = std::make_shared<const istio::Snapshot>(istio::build_outbound(*state_.registry, node));
  }
  auto snapshot = istio::build_snapshot(*state_.registry, node, outbound);
  shared = snapshot;
  return snapshot;
}

}  // namespace remora::xds
