#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace remora::store {

/// A kind of object that the control plane keeps, as Kubernetes' discovery describes kinds.
struct Kind {
  std::string_view group;                  ///< "networking.istio.io"; empty for the core group
  std::vector<std::string_view> versions;  ///< preferred first; all of one schema
  std::string_view kind;                   ///< "VirtualService"
  std::string_view plural;                 ///< "virtualservices"
  std::string_view singular;               ///< "virtualservice"
  std::vector<std::string_view> short_names;
  std::vector<std::string_view> categories;  ///< "istio-io", "all", ...
  bool namespaced = true;
  bool has_status = false;  ///< whether it has the status subresource

  /// ObjectKey::type.
  std::string type() const;
};

/// All kinds, in the order discovery lists them. Lives for ever.
std::span<const Kind> kinds();

/// Null where there is none.
const Kind* find_kind(std::string_view type);
const Kind* find_kind(std::string_view api_version, std::string_view kind);

}  // namespace remora::store
