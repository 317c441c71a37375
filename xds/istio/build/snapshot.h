#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "istio/build/proxy_node.h"
#include "istio/registry/registry.h"

namespace google::protobuf {
class Message;
}

namespace remora::istio {

/// The kinds of resource that are served, in the order in which a change must reach a proxy. Secrets wait for
/// nothing, and clusters and listeners wait for them.
enum class XdsType : uint8_t { kSecret, kCluster, kEndpoint, kListener, kRoute };
inline constexpr std::array<XdsType, 5> kXdsTypes{XdsType::kSecret, XdsType::kCluster, XdsType::kEndpoint,
                                                  XdsType::kListener, XdsType::kRoute};

std::string_view type_url(XdsType type);
/// "SDS", "CDS", "EDS", "LDS", "RDS"
std::string_view short_name(XdsType type);

/// A resource as bytes, made once and sent to every stream that wants it.
struct EncodedResource {
  std::string name;
  std::string any;    ///< a serialized google.protobuf.Any
  uint64_t hash = 0;  ///< of `any`
};

using EncodedResources = std::map<std::string, std::shared_ptr<const EncodedResource>>;

/// All resources of one type, by name.
struct ResourceGroup {
  EncodedResources resources;
  std::string version;  ///< a hash of what they hold: equal groups have equal versions, also after a restart
  uint64_t sum = 0;     ///< what the version is made from: the resources' hashes, in any order
  /// The version that this one was made from by changing `changed`; empty: made from nothing.
  std::string based_on;
  std::vector<std::string> changed;

  /// Brings `version` in line with the resources.
  void seal();
  /// Puts in a resource, in place of the one of its name. For a copy of a sealed group: costs what it
  /// changes. False where nothing differs.
  bool replace(std::shared_ptr<const EncodedResource> resource);
};

/// Everything that one proxy should have: one consistent state of the mesh. Without secrets, which are each
/// proxy's own. Snapshots share the groups in which they do not differ.
class Snapshot {
 public:
  Diagnostics notes;  ///< what this proxy could not get, and why

  const ResourceGroup& group(XdsType type) const { return *groups_[static_cast<size_t>(type)]; }
  const std::shared_ptr<const ResourceGroup>& shared_group(XdsType type) const {
    return groups_[static_cast<size_t>(type)];
  }

  /// The group to be changed: a copy where others have it as well. Until it is sealed.
  ResourceGroup& edit(XdsType type);
  void set_group(XdsType type, std::shared_ptr<const ResourceGroup> group) {
    groups_[static_cast<size_t>(type)] = std::move(group);
  }
  /// Seals what was edited.
  void seal();

 private:
  static const std::shared_ptr<const ResourceGroup>& no_resources();

  std::array<std::shared_ptr<const ResourceGroup>, kXdsTypes.size()> groups_{
      no_resources(), no_resources(), no_resources(), no_resources(), no_resources()};
  std::array<std::shared_ptr<ResourceGroup>, kXdsTypes.size()> edited_;
};

/// `message` with its type and hash.
std::shared_ptr<const EncodedResource> encode_resource(const google::protobuf::Message& message,
                                                       std::string name);

/// The version of a group that holds these resources.
std::string version_of(const EncodedResources& resources);

/// What proxies in one place of the mesh share: all outbound resources. Depends on node.outbound_key() only.
Snapshot build_outbound(const Registry& registry, const ProxyNode& node);

/// `outbound` (of the same registry and outbound_key) and what is this proxy's own: its inbound side. A proxy
/// without one, a mere client, shares `outbound` itself.
std::shared_ptr<const Snapshot> build_snapshot(const Registry& registry, const ProxyNode& node,
                                               const std::shared_ptr<const Snapshot>& outbound);

/// Both steps at once.
Snapshot build_snapshot(const Registry& registry, const ProxyNode& node);

/// `outbound`, of `registry` before `changes`, as it is after them: other endpoints, and other clusters where
/// clients expect other certificates. Costs what changed.
std::shared_ptr<const Snapshot> update_outbound(const Registry& registry, const ProxyNode& node,
                                                const Snapshot& outbound,
                                                const std::vector<EndpointChange>& changes);

/// `own`, made by build_snapshot from the outbound snapshot `before`, as it would be of `now`; null where
/// that takes more than other endpoints, so that it has to be built. Both are of the same configuration.
std::shared_ptr<const Snapshot> follow_outbound(const std::shared_ptr<const Snapshot>& own,
                                                const Snapshot& before, const Snapshot& now);

}  // namespace remora::istio
