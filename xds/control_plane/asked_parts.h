#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "control_plane/asked_names.h"
#include "istio/build/asked.h"
#include "istio/registry/config_change.h"

namespace remora::xds {

/// What was made for names that proxies have asked for: once for proxies that are alike, and again when what
/// it leads to has changed. It lives as long as somebody has asked for it. Control thread only.
class AskedParts {
 public:
  /// `now` takes the place of the registry before.
  void use(std::shared_ptr<const istio::Registry> now, const istio::ConfigChange& change);
  /// Endpoints are others.
  void forget(const std::vector<istio::EndpointChange>& changes);

  /// `outbound` is what proxies of the kind `key`, of which `node` is one, have unasked.
  std::shared_ptr<const istio::AskedPart> part(const std::string& key, const istio::ProxyNode& node,
                                               const istio::Snapshot& outbound, const AskedNames::Name& name);

 private:
  struct Kind {
    istio::ProxyNode node;
    std::optional<istio::MeshView> view;  // of registry_; made when it is needed
    std::map<AskedNames::Name, std::weak_ptr<const istio::AskedPart>> parts;
  };

  void forget(const std::set<std::string>& hosts);
  istio::AskedPart make(Kind& kind, const istio::Snapshot& outbound, const AskedNames::Name& name);

  std::shared_ptr<const istio::Registry> registry_;
  std::optional<istio::CallNames> names_;  // of registry_
  std::map<std::string, Kind> kinds_;
};

}  // namespace remora::xds
