#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <vector>

#include "rollout/known_configs.h"

// The ConfigMaps and Secrets that a workload's pods read. Their contents are part of its revision.
namespace remora::rollout {

struct TrackedConfig {
  store::ObjectPtr object;
  bool secret = false;
  std::string checksum;  ///< of its contents, 16 hex digits

  /// As Flagger lists it: "configmap/name" or "secret/name".
  std::string name() const { return (secret ? "secret/" : "configmap/") + object->key.name; }
};

struct TrackedConfigs {
  std::vector<TrackedConfig> items;  ///< by name
  std::string missing;  ///< which one a pod cannot start without, and why it cannot be had; empty: none

  bool has(bool secret, std::string_view name) const;
  /// Their checksums by name, as status.trackedConfigs holds them.
  std::map<std::string, std::string> checksums() const;
};

/// Those that the pod spec names, and what the primary's copies of them are called.
std::vector<store::ObjectKey> named_configs(const std::string& ns, const boost::json::object& pod_template);

/// Those that the pod spec names, but for Secrets of types that pods do not read themselves (registry
/// credentials, tokens) and what says flagger.app/config-tracking: disabled.
TrackedConfigs find_tracked_configs(const KnownConfigs& known, const std::string& ns,
                                    const boost::json::object& pod_template);

/// The copy for the primary as it should be: `present` (may be null) with the contents of `config`.
boost::json::object primary_config(const TrackedConfig& config, const store::Object* present,
                                   const boost::json::object& owner);

}  // namespace remora::rollout
