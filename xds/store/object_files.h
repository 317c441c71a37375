#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/memory_store.h"

namespace remora::store {

/// Objects as files, one each: FOLDER/TYPE/NAMESPACE/NAME.yaml ("_" for what is cluster-wide). A file is
/// replaced in one step and made durable before that is reported, so a crash at any moment leaves the old
/// contents or the new. What belongs to manifest files (their status, their uid) lies under
/// FOLDER/.manifests.
class ObjectFiles : public Keeper {
 public:
  explicit ObjectFiles(std::string folder) : folder_(std::move(folder)) {}

  Result<void> save(const Object& object) override;
  Result<void> erase(const Object& object) override;

  /// Where an object is kept.
  std::string path_of(const ObjectKey& key, bool of_manifest = false) const;
  /// Whose place a path is; nothing where it is nobody's.
  std::optional<ObjectKey> key_of(const std::string& path) const;

  /// All files that are somebody's place, of one of the two parts, in order. Removes drafts that a crash has
  /// left.
  Result<std::vector<std::string>> find(bool of_manifests) const;

 private:
  std::string root(bool of_manifest) const { return of_manifest ? folder_ + "/.manifests" : folder_; }

  std::string folder_;
};

/// What an object's file says: the object, with its version, or what is wrong with it.
Result<Object> read_object(const std::string& text, const ObjectKey& key);

}  // namespace remora::store
