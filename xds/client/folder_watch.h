#pragma once

#include <map>
#include <set>
#include <string>

namespace remora::xds {

/// Says in which folders files were written, moved into place or removed (a symbolic link that is swapped
/// counts): inotify. A folder that is not there is looked for until it is. Single-threaded.
class FolderWatch {
 public:
  FolderWatch();
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  /// Readable when take_changed() has something.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// These, and no others.
  void follow(const std::set<std::string>& folders);
  /// Folders with changes since the last call; those that have appeared are among them.
  std::set<std::string> take_changed();
  /// Some folder is not there: take_changed() must be called now and then.
  [[nodiscard]] bool is_incomplete() const { return !missing_.empty(); }

 private:
  bool add(const std::string& folder);

  int descriptor_ = -1;
  std::map<std::string, int> watches_;  // by folder; two names of one folder share a number
  std::set<std::string> missing_;
};

}  // namespace remora::xds
