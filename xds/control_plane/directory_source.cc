#include "control_plane/directory_source.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

namespace remora::xds {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kQuiet{75};  // without a change for so long, a burst is over
constexpr milliseconds kLongestBurst{
    1000};  // a file that is written all the time must not hold back the others
constexpr std::chrono::seconds kPoll{5};
constexpr int kMaxDepth = 16;  // symbolic links can make circles
constexpr int64_t kMaxFileSize = 64LL * 1024 * 1024;

bool is_manifest(const fs::path& path) {
  const auto extension = path.extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || file.bad()) return std::nullopt;
  return std::move(text).str();
}

}  // namespace

DirectorySource::DirectorySource(boost::asio::io_context& context, std::vector<std::string> paths)
    : roots_(std::move(paths)),
      inotify_(context, [this] { on_event(); }),
      debounce_(context),
      poll_(context) {
  rescan();
}

void DirectorySource::watch(std::function<void()> changed) {
  changed_ = std::move(changed);
  inotify_.start();
  schedule_poll();
}

void DirectorySource::on_event() {
  const auto now = std::chrono::steady_clock::now();
  if (!in_burst_) burst_began_ = now;
  in_burst_ = true;
  if (now - burst_began_ < kLongestBurst) schedule_rescan();
}

void DirectorySource::schedule_rescan() {
  debounce_.expires_after(kQuiet);
  debounce_.async_wait([this](const boost::system::error_code& error) {
    if (!error) rescan();
  });
}

void DirectorySource::schedule_poll() {
  poll_.expires_after(kPoll);
  poll_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    rescan();
    schedule_poll();
  });
}

void DirectorySource::rescan() {
  in_burst_ = false;
  seen_.clear();
  for (const std::string& root : roots_) scan_root(root);
  remove_unseen();
  ResourceList list = files_.list();
  if (list.version == current_.version) return;
  current_ = std::move(list);
  if (changed_) changed_();
}

void DirectorySource::scan_root(const std::string& root) {
  const fs::path path = fs::absolute(root).lexically_normal();
  const fs::path named = path.has_filename() ? path : path.parent_path();  // without a trailing slash
  // The root itself may be swapped: the folder that it stands in sees that.
  inotify_.add(named.parent_path().string(), named.filename().string());
  std::error_code error;
  if (fs::is_directory(root, error)) {
    scan_folder(root, 0);
    return;
  }
  inotify_.add(named.parent_path().string(),
               "..data");  // a file of a mounted ConfigMap changes through that link
  scan_file(root);
  if (failures_.contains(root)) keep_files_below(root);
}

void DirectorySource::scan_folder(const fs::path& folder, int depth) {
  if (depth > kMaxDepth) return;
  inotify_.add(folder.string());
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!is_hidden(entry->path())) entries.push_back(entry->path());
  }
  if (error) {
    seen_.insert(folder.string());
    if (failures_[folder.string()] != error.message())
      files_.fail(folder.string(), "cannot be listed: " + error.message());
    failures_[folder.string()] = error.message();
    keep_files_below(folder.string());
    return;
  }
  std::sort(entries.begin(), entries.end());
  for (const fs::path& path : entries) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
      scan_folder(path, depth + 1);
    } else if (is_manifest(path)) {
      scan_file(path.string());
    }
  }
}

void DirectorySource::scan_file(const std::string& path) {
  seen_.insert(path);
  struct stat status {};
  const bool found = stat(path.c_str(), &status) == 0;
  const Stamp stamp{status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim),
                    nanoseconds(status.st_ctim)};
  const auto known = stamps_.find(path);
  if (found && known != stamps_.end() && known->second == stamp && !failures_.contains(path)) return;
  std::string reason;
  std::optional<std::string> text;
  if (!found) {
    reason = std::string("cannot be read: ") + std::strerror(errno);
  } else if (status.st_size > kMaxFileSize) {
    reason = "is larger than 64 MiB";
  } else if (text = read_file(path); !text) {
    reason = "cannot be read";
  }
  if (!reason.empty()) {
    if (failures_[path] != reason) files_.fail(path, reason);
    failures_[path] = reason;
    return;
  }
  failures_.erase(path);
  stamps_[path] = stamp;
  files_.update(path, *text);
}

/// A folder that cannot be looked into proves nothing about its files.
void DirectorySource::keep_files_below(const std::string& root) {
  for (const auto& entry : stamps_) {
    if (entry.first.starts_with(root + '/')) seen_.insert(entry.first);
  }
}

void DirectorySource::remove_unseen() {
  const auto forget = [this](auto& paths) {
    for (auto path = paths.begin(); path != paths.end();) {
      if (seen_.contains(path->first)) {
        ++path;
      } else {
        files_.remove(path->first);
        path = paths.erase(path);
      }
    }
  };
  forget(stamps_);
  forget(failures_);
}

}  // namespace remora::xds
