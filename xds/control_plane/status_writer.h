#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "control_plane/mesh.h"
#include "store/kinds.h"
#include "store/object_store.h"

namespace remora::xds {

/// Tells in the status of each object of the mesh what is wrong with it now, as Istio's analysis does: the
/// condition "Reconciled", and every finding in `validationMessages`. An object that nothing was ever wrong
/// with gets no status. Canaries tell their own. Control thread only.
class StatusWriter {
 public:
  /// Whose statuses are ours to write. In a cluster those of Services and the like are the work of
  /// Kubernetes' own controllers.
  enum class Scope { kAllKinds, kMeshKinds };

  /// The store must outlive this. Where several control planes serve one store, one of them writes:
  /// `may_write` says whether we are that one.
  StatusWriter(store::ObjectStore& store, std::function<bool()> may_write, Scope scope = Scope::kAllKinds);

  /// Told when an object begins or ceases to have no effect, or for another reason than before, once its
  /// status says so.
  using Told = std::function<void(const store::Object& about, bool warning, const std::string& reason,
                                  const std::string& message)>;
  void tell(Told told) { told_ = std::move(told); }

  /// Brings the statuses up to date; call after each change of the mesh, and when we may write from now on.
  void update(const istio::Diagnostics& findings);
  /// Writes again what could not be written; call when the store may be better than it was.
  void retry();

 private:
  bool is_ours(const store::Kind& kind) const;
  void write(const store::ObjectKey& key, const istio::Diagnostics& findings);
  void on_written(const store::Object& before, const boost::json::value& status,
                  const store::WriteResult& result);

  store::ObjectStore& store_;
  const std::function<bool()> may_write_;
  const Scope scope_;
  Told told_ = [](const store::Object&, bool, const std::string&, const std::string&) {};
  std::map<store::ObjectKey, istio::Diagnostics> wanted_;  // what the statuses should say
  std::set<store::ObjectKey> under_way_;                   // whose status is being written
  std::map<store::ObjectKey, std::string> failed_;         // whose status could not be written, and why
  /// What was written last, and which version the object has since: a server may keep less of a status than
  /// it is given, and must not be told the same again and again.
  std::map<store::ObjectKey, std::pair<boost::json::value, uint64_t>> written_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace remora::xds
