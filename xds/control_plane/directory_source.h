#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control_plane/file_set.h"
#include "control_plane/resource_source.h"
#include "store/inotify_watch.h"

namespace remora::xds {

/// Resources in files. Each path is a file, or a folder whose *.yaml, *.yml and *.json count, at any depth;
/// names that begin with a dot do not, so a mounted ConfigMap's own bookkeeping is skipped. Changes are seen
/// by inotify, whatever way they are made (written in place, renamed over, a symbolic link swapped), and by a
/// slow poll where inotify sees nothing (network file systems). A burst of changes counts as one.
class DirectorySource : public ResourceSource {
 public:
  DirectorySource(boost::asio::io_context& context, std::vector<std::string> paths);

  ResourceList list() const override { return current_; }
  void watch(std::function<void()> changed) override;

 private:
  /// What tells a changed file from an unchanged one without reading it.
  struct Stamp {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t modified_ns = 0;
    int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };

  void on_event();
  void schedule_rescan();
  void schedule_poll();
  void rescan();
  void scan_root(const std::string& root);
  void scan_folder(const std::filesystem::path& folder, int depth);
  void scan_file(const std::string& path);
  void keep_files_below(const std::string& root);
  void remove_unseen();

  std::vector<std::string> roots_;
  store::InotifyWatch inotify_;
  boost::asio::steady_timer debounce_;
  boost::asio::steady_timer poll_;
  std::chrono::steady_clock::time_point burst_began_;
  bool in_burst_ = false;

  std::map<std::string, Stamp> stamps_;          ///< of every file taken in, by path
  std::map<std::string, std::string> failures_;  ///< of paths that could not be read, the reason told last
  std::set<std::string> seen_;                   ///< during a scan
  FileSet files_;
  ResourceList current_;
  std::function<void()> changed_;
};

}  // namespace remora::xds
