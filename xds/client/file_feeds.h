#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "client/folder_watch.h"
#include "client/resource_feed.h"
#include "translate/resource_source.h"

namespace remora::xds {

/// Resources in files, which are read when they are first needed and again when something was written, moved
/// or removed in their folder. One thread, which begins with the first file. A file that cannot be read
/// leaves what came from it before.
class FileFeeds {
 public:
  /// Borrowed. The mutex guards the receiver.
  FileFeeds(std::mutex& mutex, ResourceReceiver& receiver);
  ~FileFeeds();
  FileFeeds(const FileFeeds&) = delete;
  FileFeeds& operator=(const FileFeeds&) = delete;

  // With the mutex held:
  /// A feed for one type out of the file of `source`; it lives until remove().
  ResourceFeed& add(const ResourceSource& source, ResourceType type);
  void remove(const ResourceFeed& feed);

  /// Returns once the thread has ended. Without the mutex. Idempotent.
  void stop();

 private:
  class File;
  void run();
  // With the mutex held:
  void follow_folders();
  void mark_changed();
  void read_due();
  void read(File& file);
  void touch();
  [[nodiscard]] MonotonicTime next_due() const;

  void wait(MonotonicTime until) const;

  std::mutex& mutex_;
  ResourceReceiver& receiver_;
  FolderWatch folders_;
  std::map<const ResourceFeed*, std::unique_ptr<File>> files_;
  bool folders_changed_ = false;
  bool stopping_ = false;
  int wake_fd_ = -1;
  std::thread thread_;
};

}  // namespace remora::xds
