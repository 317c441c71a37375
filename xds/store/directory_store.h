#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/inotify_watch.h"
#include "store/memory_store.h"
#include "store/object_files.h"

namespace remora::store {

/// A store in a folder. One process at a time has it. What is changed there by hand is picked up and written
/// again in the store's form; a file that cannot be read leaves its object as it was, and is protected from
/// writes until it is mended or removed. Where the folder cannot be written, reading goes on and every change
/// is refused. Control thread only.
class DirectoryStore : private Keeper {
 public:
  /// Reads what is there. An error where the folder cannot be made or read, or another process has it.
  static Result<std::unique_ptr<DirectoryStore>> open(boost::asio::io_context& context,
                                                      const std::string& folder);
  ~DirectoryStore() override;

  MemoryStore& objects() { return objects_; }
  std::string path_of(const ObjectKey& key) const { return files_.path_of(key); }

  /// Files that cannot be taken as they are: path, and what is wrong.
  const std::map<std::string, std::string>& broken() const { return broken_; }

  /// Begins to look for changes by hand. `changed` is called when broken() has changed.
  void follow(std::function<void()> changed);

 private:
  DirectoryStore(boost::asio::io_context& context, const std::string& folder);

  Result<void> save(const Object& object) override;
  Result<void> erase(const Object& object) override;

  Result<void> lock();
  Result<void> load();
  void watch_folders();
  void schedule_rescan();
  void schedule_poll();
  void rescan();
  void read(const std::string& path, const ObjectKey& key);

  std::string folder_;
  ObjectFiles files_;
  MemoryStore objects_;
  std::map<std::string, std::string> stamps_;  // what tells a changed file from an unchanged one, by path
  std::map<std::string, std::string> broken_;
  InotifyWatch inotify_;
  boost::asio::steady_timer debounce_;
  boost::asio::steady_timer poll_;
  std::function<void()> changed_;
  int lock_ = -1;
};

}  // namespace remora::store
