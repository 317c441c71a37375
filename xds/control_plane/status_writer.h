#pragma once

#include <set>
#include <string>

#include "control_plane/mesh.h"
#include "store/memory_store.h"

namespace remora::xds {

/// Tells in the status of each object of the mesh what is wrong with it now, as Istio's analysis does: the
/// condition "Reconciled", and every finding in `validationMessages`. An object that nothing was ever wrong
/// with gets no status. Canaries tell their own. Control thread only.
class StatusWriter {
 public:
  /// The store must outlive this.
  explicit StatusWriter(store::MemoryStore& store);

  /// Brings the statuses up to date; call after each change of the mesh.
  void update(const istio::Diagnostics& findings);

 private:
  void write(const store::ObjectKey& key, const istio::Diagnostics& findings);

  store::MemoryStore& store_;
  std::set<store::ObjectKey> told_;  // whose status says something of ours
};

}  // namespace remora::xds
