#include "client/folder_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>

namespace remora::xds {
namespace {

// Not IN_CREATE: a file that was just made is still empty.
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;

}  // namespace

FolderWatch::FolderWatch() : descriptor_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

FolderWatch::~FolderWatch() {
  if (descriptor_ >= 0) close(descriptor_);
}

bool FolderWatch::add(const std::string& folder) {
  const int watch = inotify_add_watch(descriptor_, folder.c_str(), kEvents);
  if (watch < 0) return false;
  watches_[folder] = watch;
  return true;
}

void FolderWatch::follow(const std::set<std::string>& folders) {
  std::erase_if(missing_, [&](const std::string& folder) { return !folders.contains(folder); });
  for (auto found = watches_.begin(); found != watches_.end();) {
    if (folders.contains(found->first)) {
      ++found;
      continue;
    }
    const int watch = found->second;
    found = watches_.erase(found);
    const bool shared = std::any_of(watches_.begin(), watches_.end(),
                                    [&](const auto& entry) { return entry.second == watch; });
    if (!shared) inotify_rm_watch(descriptor_, watch);
  }
  for (const std::string& folder : folders) {
    if (!watches_.contains(folder) && !add(folder)) missing_.insert(folder);
  }
}

std::set<std::string> FolderWatch::take_changed() {
  std::set<std::string> changed;
  alignas(inotify_event) char buffer[4096];
  ssize_t size = 0;
  while ((size = read(descriptor_, buffer, sizeof(buffer))) > 0) {
    for (const char* at = buffer; at < buffer + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);  // NOLINT: the kernel's layout
      at += sizeof(inotify_event) + event->len;
      const bool overflow = (event->mask & IN_Q_OVERFLOW) != 0;  // anything may have happened
      for (auto found = watches_.begin(); found != watches_.end();) {
        if (!overflow && found->second != event->wd) {
          ++found;
          continue;
        }
        changed.insert(found->first);
        if ((event->mask & IN_IGNORED) == 0) {
          ++found;
          continue;
        }
        missing_.insert(found->first);  // the folder itself is gone
        found = watches_.erase(found);
      }
    }
  }
  for (auto folder = missing_.begin(); folder != missing_.end();) {
    if (!add(*folder)) {
      ++folder;
      continue;
    }
    changed.insert(*folder);
    folder = missing_.erase(folder);
  }
  return changed;
}

}  // namespace remora::xds
