#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/object_store.h"

// ConfigMaps and Secrets: an API server is not followed for them, it is asked for each by name.
namespace remora::rollout {

/// As they were when they were last read.
class KnownConfigs {
 public:
  void put(const store::ObjectKey& key, Result<store::ObjectPtr> read) {
    read_.insert_or_assign(key, std::move(read));
  }

  /// Null where there is none, or nobody knows.
  store::ObjectPtr get(const store::ObjectKey& key) const;
  /// Why nobody knows; empty where it is known.
  std::string fault(const store::ObjectKey& key) const;

 private:
  std::map<store::ObjectKey, Result<store::ObjectPtr>> read_;
};

/// Whether objects of this type are read by name.
bool is_read_by_name(const std::string& type);

/// Reads all of them. `done` may be called before this returns, and is not called once the handle is gone.
std::shared_ptr<void> read_configs(store::ObjectStore& store, const std::vector<store::ObjectKey>& keys,
                                   std::function<void(KnownConfigs)> done);

using SecretFields = std::map<std::string, std::string>;

/// The fields of a Secret, decoded. `done` may be called before this returns.
void read_secret(store::ObjectStore& store, const std::string& ns, const std::string& name,
                 std::function<void(Result<SecretFields>)> done);

}  // namespace remora::rollout
