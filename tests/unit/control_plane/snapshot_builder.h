#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "istio/build/snapshot.h"

namespace remora::xds::test {

/// A resource given as "name" or "name=content".
inline istio::EncodedResourcePtr resource_of(const std::string& text) {
  return std::make_shared<const istio::EncodedResource>(
      istio::EncodedResource{text.substr(0, text.find('=')), text, std::hash<std::string>()(text)});
}

/// A snapshot of such resources.
class SnapshotBuilder {
 public:
  using Names = std::vector<std::string>;

  SnapshotBuilder& clusters(const Names& names) {
    return add(istio::XdsType::kCluster, names).add(istio::XdsType::kEndpoint, names);
  }
  SnapshotBuilder& endpoints(const Names& names) { return add(istio::XdsType::kEndpoint, names); }
  SnapshotBuilder& static_cluster(const std::string& name) { return add(istio::XdsType::kCluster, {name}); }
  SnapshotBuilder& listeners(const Names& names) { return add(istio::XdsType::kListener, names); }
  SnapshotBuilder& routes(const Names& names) { return add(istio::XdsType::kRoute, names); }
  SnapshotBuilder& hosts(const Names& names) { return add(istio::XdsType::kVirtualHost, names); }

  std::shared_ptr<const istio::Snapshot> build() {
    snapshot_.seal();
    return std::make_shared<const istio::Snapshot>(snapshot_);
  }

 private:
  SnapshotBuilder& add(istio::XdsType type, const Names& names) {
    for (const std::string& text : names) snapshot_.edit(type).resources.put(resource_of(text));
    return *this;
  }

  istio::Snapshot snapshot_;
};

}  // namespace remora::xds::test
