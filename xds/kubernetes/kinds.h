#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/object.h"

namespace remora::kubernetes {

/// What a kind is read for.
enum class Need {
  kRouting,   ///< nothing is served before it has been read, or is known not to exist
  kRollouts,  ///< canaries
  kOnDemand,  ///< not watched: single objects are read by name when something asks for them
};

/// A kind of object as an API server has it.
struct ApiKind {
  std::string_view group;                  ///< empty for Kubernetes' core
  std::vector<std::string_view> versions;  ///< preferred first: the first that the server knows is used
  std::string_view kind;                   ///< "VirtualService"
  std::string_view plural;                 ///< "virtualservices"
  Need need = Need::kRouting;
  bool namespaced = true;
  /// Defined by a CustomResourceDefinition, which may be missing.
  bool custom = false;
  /// Leaves of an object only what is read here. Null: everything but managedFields stays. What is made
  /// slimmer cannot be written.
  boost::json::object (*slim)(const boost::json::object& whole) = nullptr;

  std::string type() const;  ///< ObjectKey::type
  /// "/apis/networking.istio.io/v1/namespaces/shop/virtualservices"; all namespaces where `ns` is empty.
  std::string path(std::string_view version, const std::string& ns = {}) const;
  std::string path(std::string_view version, const store::ObjectKey& key) const;
  /// "networking.istio.io/v1".
  std::string api_version(std::string_view version) const;
};

/// All kinds that are read. Lives for ever.
std::span<const ApiKind> api_kinds();

/// Null where there is none.
const ApiKind* find_api_kind(std::string_view type);

}  // namespace remora::kubernetes
