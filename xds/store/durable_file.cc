#include "store/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace remora::store {
namespace {

namespace fs = std::filesystem;

Error failure(const std::string& what, const std::string& path) {
  return Error{what + ' ' + path + ": " + std::strerror(errno)};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// A name is only as durable as the folder it stands in.
Result<void> sync_folder(const std::string& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0) return failure("cannot sync", folder);
  return {};
}

Result<void> make_folders(const fs::path& folder) {
  if (folder.empty() || fs::is_directory(folder)) return {};
  auto made = make_folders(folder.parent_path());
  if (!made.ok()) return made;
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return failure("cannot make", folder.string());
  return folder.has_parent_path() ? sync_folder(folder.parent_path().string()) : Result<void>();
}

Result<void> write_draft(const std::string& draft, std::string_view text) {
  const Descriptor file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.get() < 0) return failure("cannot write", draft);
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failure("cannot write", draft);
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(file.get()) != 0) return failure("cannot sync", draft);
  return {};
}

}  // namespace

Result<void> replace_file(const std::string& path, std::string_view text) {
  const fs::path place(path);
  const std::string folder = place.has_parent_path() ? place.parent_path().string() : ".";
  auto made = make_folders(folder);
  if (!made.ok()) return made;
  const std::string draft = folder + "/." + place.filename().string() + ".draft";
  auto written = write_draft(draft, text);
  if (written.ok() && std::rename(draft.c_str(), path.c_str()) != 0)
    written = failure("cannot replace", path);
  if (!written.ok()) {
    ::unlink(draft.c_str());
    return written;
  }
  return sync_folder(folder);
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return errno == ENOENT ? Result<void>() : failure("cannot remove", path);
  const fs::path place(path);
  return sync_folder(place.has_parent_path() ? place.parent_path().string() : ".");
}

}  // namespace remora::store
