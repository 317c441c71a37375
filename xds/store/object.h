#pragma once

#include <boost/json/object.hpp>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>

namespace remora::store {

/// Names one object among all. `type` is "plural.group", and the plural alone in Kubernetes' core group:
/// "virtualservices.networking.istio.io", "services". `ns` is empty for what is cluster-wide.
struct ObjectKey {
  std::string type;
  std::string ns;
  std::string name;

  auto operator<=>(const ObjectKey&) const = default;  // NOLINT: clang-tidy 14 takes its 0 for a pointer
  /// "virtualservices.networking.istio.io default/api".
  std::string text() const { return type + ' ' + (ns.empty() ? name : ns + '/' + name); }
};

/// One Kubernetes object as it stands at one version: apiVersion, kind, metadata, spec, status and whatever
/// else it came with, in the order it came in. metadata.resourceVersion always equals `version`. Immutable
/// once shared.
struct Object {
  ObjectKey key;
  uint64_t version = 0;  ///< resourceVersion: grows with every change in the store, of whichever object
  boost::json::object body;
  /// The manifest file that defines it, which the API then may not change; empty where the store itself has
  /// it.
  std::string file;
};

using ObjectPtr = std::shared_ptr<const Object>;

}  // namespace remora::store
