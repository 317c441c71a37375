#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "istio/build/credential_use.h"
#include "istio/build/encoded_resources.h"
#include "istio/build/proxy_node.h"
#include "istio/registry/registry.h"

namespace google::protobuf {
class Message;
}

namespace remora::istio {

/// The kinds of resource that are served, in the order in which a change must reach a proxy. Secrets wait for
/// nothing, and clusters and listeners wait for them.
enum class XdsType : uint8_t { kSecret, kCluster, kEndpoint, kListener, kRoute, kVirtualHost };
inline constexpr std::array<XdsType, 6> kXdsTypes{XdsType::kSecret,   XdsType::kCluster,
                                                  XdsType::kEndpoint, XdsType::kListener,
                                                  XdsType::kRoute,    XdsType::kVirtualHost};

std::string_view type_url(XdsType type);
/// "SDS", "CDS", "EDS", "LDS", "RDS", "VHDS"
std::string_view short_name(XdsType type);

/// All resources of one type, by name.
struct ResourceGroup {
  EncodedResources resources;
  std::string version;  ///< of what they hold: equal groups have equal versions, also after a restart

  /// Brings `version` in line with the resources.
  void seal() { version = version_text(resources.sum()); }
};

/// Everything that one proxy should have: one consistent state of the mesh. Without secrets, which are each
/// proxy's own. Snapshots share the groups in which they do not differ.
class Snapshot {
 public:
  Diagnostics notes;           ///< what this proxy could not get, and why
  CredentialUses credentials;  ///< of a gateway: the Secrets that its listeners show
  bool on_demand = false;      ///< virtual hosts, and clusters for them, are here once they were asked for

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
  /// Takes over what is the same in `before`, the snapshot that this one takes the place of: then whoever has
  /// that one finds out what differs at the cost of what differs.
  void share_with(const Snapshot& before);

 private:
  static const std::shared_ptr<const ResourceGroup>& no_resources();

  std::array<std::shared_ptr<const ResourceGroup>, kXdsTypes.size()> groups_{
      no_resources(), no_resources(), no_resources(), no_resources(), no_resources(), no_resources()};
  std::array<std::shared_ptr<ResourceGroup>, kXdsTypes.size()> edited_;
};

/// `message` with its type and hash.
EncodedResourcePtr encode_resource(const google::protobuf::Message& message, std::string name);

class Predecessor;

/// What proxies in one place of the mesh share: all outbound resources. Depends on node.outbound_key() only.
/// `before` (null: none) makes it cheaper and shares what is equal; it changes nothing in what comes out.
Snapshot build_outbound(const Registry& registry, const ProxyNode& node, Predecessor* before = nullptr);

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
