#pragma once

#include <string>
#include <string_view>

#include "store/kinds.h"
#include "store/object.h"

namespace remora::kube {

/// What a request's path names.
struct Target {
  enum class What {
    kUnknown,
    kPaths,      ///< "/": the paths there are
    kVersion,    ///< /version
    kHealth,     ///< /healthz, /livez, /readyz
    kOpenApi,    ///< /openapi/...: `rest` is what follows
    kCore,       ///< /api
    kGroups,     ///< /apis
    kGroup,      ///< /apis/GROUP
    kResources,  ///< /api/v1, /apis/GROUP/VERSION
    kObjects     ///< a collection of `kind`, or the object `name` of it
  };
  What what = What::kUnknown;
  std::string rest;
  std::string group;
  std::string version;
  const store::Kind* kind = nullptr;
  std::string ns;
  std::string name;         ///< empty: the collection
  std::string subresource;  ///< "status" or empty

  std::string api_version() const { return group.empty() ? version : group + '/' + version; }
  store::ObjectKey key() const { return {kind->type(), ns, name}; }
};

/// `path`: without the query, not yet decoded. What this API does not have is kUnknown.
Target parse_target(std::string_view path);

}  // namespace remora::kube
