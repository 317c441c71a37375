#include "store/directory_store.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

namespace remora::store {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kQuiet{75};
constexpr std::chrono::seconds kPoll{5};
constexpr off_t kMaxFile = 4 * 1024 * 1024;

/// Inode, size and times; empty where there is no file.
std::string stamp_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  std::ostringstream text;
  text << status.st_ino << ' ' << status.st_size << ' ' << status.st_mtim.tv_sec << '.'
       << status.st_mtim.tv_nsec << ' ' << status.st_ctim.tv_sec << '.' << status.st_ctim.tv_nsec;
  return text.str();
}

Result<std::string> read_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && status.st_size > kMaxFile) return Error{"is larger than 4 MiB"};
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || file.bad()) return Error{std::string("cannot be read: ") + std::strerror(errno)};
  return std::move(text).str();
}

}  // namespace

DirectoryStore::DirectoryStore(boost::asio::io_context& context, const std::string& folder)
    : folder_(folder),
      files_(folder),
      objects_(this),
      inotify_(context, [this] { schedule_rescan(); }),
      debounce_(context),
      poll_(context) {}

DirectoryStore::~DirectoryStore() {
  if (lock_ >= 0) ::close(lock_);
}

Result<std::unique_ptr<DirectoryStore>> DirectoryStore::open(boost::asio::io_context& context,
                                                             const std::string& folder) {
  const std::string path = fs::absolute(folder).lexically_normal().string();
  const std::string named = path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  std::error_code error;
  fs::create_directories(named, error);
  if (!fs::is_directory(named)) return Error{named + ": cannot be made: " + error.message()};
  std::unique_ptr<DirectoryStore> store(new DirectoryStore(context, named));
  auto opened = store->lock();
  if (opened.ok()) opened = store->load();
  if (!opened.ok()) return Error{opened.error()};
  return store;
}

/// The lock ends with the process, however that ends.
Result<void> DirectoryStore::lock() {
  const std::string path = folder_ + "/.lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    spdlog::warn("store: {} cannot be written ({}): changes will be refused", folder_, std::strerror(errno));
    return {};
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) return Error{folder_ + ": another remora-control has it"};
  return {};
}

Result<void> DirectoryStore::load() {
  for (const bool of_manifests : {true, false}) {
    const auto paths = files_.find(of_manifests);
    if (!paths.ok()) return Error{paths.error()};
    for (const std::string& path : *paths) {
      const ObjectKey key = *files_.key_of(path);
      if (!of_manifests) {
        stamps_[path] = stamp_of(path);
        const auto text = read_file(path);
        auto object = text.ok() ? read_object(*text, key) : Result<Object>(Error{text.error()});
        // Without a version it has been put there by hand, and gets its metadata as any such file.
        if (object.ok() && object->version != 0) {
          objects_.restore(std::move(*object));
        } else {
          read(path, key);
        }
        continue;
      }
      const auto text = read_file(path);
      auto note = text.ok() ? read_object(*text, key) : Result<Object>(Error{text.error()});
      if (note.ok() && !note->file.empty()) objects_.restore(std::move(*note));
    }
  }
  return {};
}

void DirectoryStore::follow(std::function<void()> changed) {
  changed_ = std::move(changed);
  watch_folders();
  inotify_.start();
  rescan();
  schedule_poll();
}

void DirectoryStore::watch_folders() {
  inotify_.add(folder_);
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_directory(error)) continue;
    if (entry->path().filename().string().starts_with('.')) {
      entry.disable_recursion_pending();
    } else {
      inotify_.add(entry->path().string());
    }
  }
}

void DirectoryStore::schedule_rescan() {
  debounce_.expires_after(kQuiet);
  debounce_.async_wait([this](const boost::system::error_code& error) {
    if (!error) rescan();
  });
}

void DirectoryStore::schedule_poll() {
  poll_.expires_after(kPoll);
  poll_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    rescan();
    schedule_poll();
  });
}

void DirectoryStore::rescan() {
  const auto paths = files_.find(false);
  if (!paths.ok()) return;  // a folder that cannot be looked into proves nothing about its files
  watch_folders();
  const auto broken_before = broken_;
  const std::set<std::string> present(paths->begin(), paths->end());
  for (auto known = stamps_.begin(); known != stamps_.end();) {
    const std::string path = known->first;
    if (present.contains(path)) {
      ++known;
      continue;
    }
    known = stamps_.erase(known);
    broken_.erase(path);
    objects_.absorb_removal(*files_.key_of(path));
  }
  for (const std::string& path : *paths) {
    const std::string stamp = stamp_of(path);
    if (stamp.empty() || stamps_[path] == stamp) continue;
    stamps_[path] = stamp;
    read(path, *files_.key_of(path));
  }
  if (changed_ && broken_ != broken_before) changed_();
}

void DirectoryStore::read(const std::string& path, const ObjectKey& key) {
  const auto text = read_file(path);
  auto object = text.ok() ? read_object(*text, key) : Result<Object>(Error{text.error()});
  if (!object.ok()) {
    broken_[path] = object.error().message;
    spdlog::error("store: {}: {}; what it held before stays", path, object.error().message);
    return;
  }
  broken_.erase(path);
  objects_.absorb(key, std::move(object->body));
}

Result<void> DirectoryStore::save(const Object& object) {
  const std::string path = files_.path_of(object.key);
  const auto broken = broken_.find(path);
  if (broken != broken_.end() && object.file.empty()) {
    return Error{path + " was changed by hand and cannot be read (" + broken->second +
                 "): mend or remove it first"};
  }
  auto saved = files_.save(object);
  if (saved.ok() && object.file.empty()) stamps_[path] = stamp_of(path);
  return saved;
}

Result<void> DirectoryStore::erase(const Object& object) {
  auto erased = files_.erase(object);
  if (erased.ok() && object.file.empty()) {
    const std::string path = files_.path_of(object.key);
    stamps_.erase(path);
    broken_.erase(path);
  }
  return erased;
}

}  // namespace remora::store
