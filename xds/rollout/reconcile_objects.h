#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "remora/core/result.h"
#include "rollout/objects.h"
#include "store/object_store.h"

namespace remora::rollout {

/// Of all Canaries that the store holds.
std::set<std::string> canary_uids(const store::ObjectStore& store);

enum class Reconciled {
  kUnchanged,
  kWritten,
  kOutdated  ///< somebody changed an object meanwhile: look again
};

/// Makes the store hold `wanted`: creates what is missing, takes the apex objects over, leaves alone what is
/// right. Idempotent, so an interruption at any point is mended by doing it again. `done` gets what became
/// of it, or the first reason why it cannot be; it may be called before this returns. Dropping
/// the handle stops it between two writes.
std::shared_ptr<void> reconcile_objects(store::ObjectStore& store, store::ObjectPtr canary,
                                        bool revert_on_deletion, std::vector<std::string> unmanaged_labels,
                                        std::vector<WantedObject> wanted,
                                        std::function<void(Result<Reconciled>)> done);

/// Gives back, of what `canary` took over, one object; `done` gets true once none is left. For a Canary that
/// is being deleted.
void release_next(store::ObjectStore& store, const store::Object& canary,
                  std::function<void(Result<bool>)> done);

/// What a Canary that is gone leaves behind: its own objects are removed, what it took over is put back where
/// it wanted that. Of this Canary; with null, of all that the store does not hold.
void sweep_orphans(store::ObjectStore& store, const store::Object* gone,
                   const std::function<void(bool, const std::string&)>& log);

}  // namespace remora::rollout
