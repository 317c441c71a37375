#pragma once

#include <map>
#include <string>
#include <vector>

#include "control_plane/resource_source.h"

namespace remora::xds {

/// The contents of a set of files, of which a bad one changes nothing: a file that does not parse, or cannot
/// be read, keeps its last good resources. A resource belongs to the file that had it first; another file's
/// copy is refused. Knows nothing of disks: whoever looks at them tells it what he saw.
class FileSet {
 public:
  /// The file's text, new or changed.
  void update(const std::string& path, const std::string& text);
  /// The file (or a folder given as configuration) is there and cannot be read: an error, nothing is taken
  /// away.
  void fail(const std::string& path, const std::string& reason);
  /// The file is gone, and so are its resources.
  void remove(const std::string& path);

  /// Settles who owns what, and returns it all.
  ResourceList list();

 private:
  struct File {
    std::vector<istio::ResourcePtr> resources;  ///< of the last text that parsed
    istio::Diagnostics findings;                ///< about the newest text
  };

  std::map<std::string, File> files_;
  std::map<std::string, std::string> owners_;  ///< resource id to path, as of the last list()
  uint64_t version_ = 0;
};

}  // namespace remora::xds
