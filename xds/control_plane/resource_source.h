#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "istio/model/resource.h"

namespace remora::xds {

/// What a source holds at one moment.
struct ResourceList {
  uint64_t version = 0;  ///< grows with every change of what follows
  std::vector<istio::ResourcePtr> resources;
  istio::Diagnostics findings;
};

/// Where resources come from: files today; an API server looks the same from here. Used on the control thread
/// only.
class ResourceSource {
 public:
  virtual ~ResourceSource() = default;

  virtual ResourceList list() const = 0;

  /// Calls `changed` on the control thread after each change of what list() returns, until the source is
  /// gone.
  virtual void watch(std::function<void()> changed) = 0;
};

}  // namespace remora::xds
