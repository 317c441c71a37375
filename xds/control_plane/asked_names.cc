#include "control_plane/asked_names.h"

#include <algorithm>

#include "istio/build/virtual_hosts.h"

namespace remora::xds {

using istio::XdsType;

namespace {

/// "*" is for all that there is, and a table's own name for all of its hosts.
bool is_name(XdsType type, const std::string& name) {
  return name != "*" && (type == XdsType::kCluster || !istio::table_of(name).empty());
}

void put_all(const istio::Snapshot& from, XdsType type, istio::Snapshot& to) {
  if (from.group(type).resources.empty()) return;
  auto& resources = to.edit(type).resources;
  for (const auto& entry : from.group(type).resources) resources.add(entry.second);
}

}  // namespace

bool AskedNames::add(XdsType type, const std::string& name) {
  if (!is_name(type, name) || !parts_.try_emplace({type, name}).second) return false;
  order_.emplace_back(type, name);
  if (parts_.size() > kMost) drop_oldest();
  return true;
}

void AskedNames::drop_oldest() {
  while (parts_.size() > kMost - kMost / 10) {
    parts_.erase(order_.front());
    order_.pop_front();
  }
}

bool AskedNames::take(const DiscoveryQuery& query) {
  if (query.type != XdsType::kVirtualHost && query.type != XdsType::kCluster) return false;
  bool changed = false;
  if (query.names != nullptr) {
    for (const std::string& name : *query.names) changed = add(query.type, name) || changed;
  }
  if (query.unsubscribe != nullptr) {
    for (const std::string& name : *query.unsubscribe) {
      if (parts_.erase({query.type, name}) == 0) continue;
      std::erase(order_, Name{query.type, name});
      changed = true;
    }
  }
  return changed;
}

/// Whether one of them is another part than before.
bool AskedNames::refresh(const PartOf& part_of) {
  bool changed = false;
  for (auto& [name, part] : parts_) {
    auto now = part_of(name);
    changed = changed || now != part;
    part = std::move(now);
  }
  return changed;
}

std::shared_ptr<const istio::Snapshot> AskedNames::compose(const std::shared_ptr<const istio::Snapshot>& base,
                                                           const PartOf& part_of) {
  const size_t before = composed_ == nullptr ? 0 : composed_parts_;
  if (!refresh(part_of) && base_ == base && before == parts_.size() && composed_ != nullptr) return composed_;
  auto snapshot = std::make_shared<istio::Snapshot>(*base);
  for (const auto& [name, part] : parts_) {
    for (const XdsType type : {XdsType::kCluster, XdsType::kEndpoint, XdsType::kVirtualHost})
      put_all(part->resources, type, *snapshot);
    const auto& notes = part->resources.notes;
    snapshot->notes.insert(snapshot->notes.end(), notes.begin(), notes.end());
  }
  snapshot->seal();
  if (composed_ != nullptr) snapshot->share_with(*composed_);
  base_ = base;
  composed_ = std::move(snapshot);
  composed_parts_ = parts_.size();
  return composed_;
}

}  // namespace remora::xds
