#pragma once

#include <memory>
#include <string>

#include "remora/core/result.h"

namespace remora::xds {

/// A folder for nobody else that goes with its owner. It is in memory where the machine has that: a container
/// may have no other place to write to, and keys need not reach a disk.
class PrivateFolder {
 public:
  /// In $TMPDIR, else in /dev/shm, else in /tmp.
  static Result<std::unique_ptr<PrivateFolder>> make();
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

}  // namespace remora::xds
