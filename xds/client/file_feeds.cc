#include "client/file_feeds.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "client/discovery_file.h"
#include "client/log.h"
#include "translate/content_hash.h"

namespace remora::xds {
namespace {

constexpr Milliseconds kLookForFolder{1000};

}  // namespace

/// One type out of one file.
class FileFeeds::File final : public ResourceFeed {
 public:
  File(FileFeeds& owner, const ResourceSource& source, ResourceType of)
      : owner_(owner),
        key(source.key),
        path(source.path),
        folder(source.folder),
        type(of) {}

  void follow_all(ResourceType /*type*/) override { want(); }
  void follow(ResourceType /*type*/, const std::string& name) override {
    names.insert(name);
    want();
  }
  void unfollow(ResourceType /*type*/, const std::string& name) override { names.erase(name); }

 private:
  void want() {
    is_due = is_wanted = true;
    owner_.touch();
  }
  FileFeeds& owner_;

 public:
  const std::string key;
  const std::string path;
  const std::string folder;
  const ResourceType type;
  std::set<std::string> names;
  bool is_due = false;    // to be read
  bool is_wanted = true;  // also if it has not changed
  uint64_t hash = 0;
  std::string failure;  // why it could not be read the last time
};

FileFeeds::FileFeeds(std::mutex& mutex, ResourceReceiver& receiver)
    : mutex_(mutex),
      receiver_(receiver),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

FileFeeds::~FileFeeds() {
  stop();
  ::close(wake_fd_);
}

ResourceFeed& FileFeeds::add(const ResourceSource& source, ResourceType type) {
  auto file = std::make_unique<File>(*this, source, type);
  File& added = *file;
  files_[&added] = std::move(file);
  folders_changed_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  return added;
}

void FileFeeds::remove(const ResourceFeed& feed) {
  files_.erase(&feed);
  folders_changed_ = true;
  touch();
}

void FileFeeds::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (!thread_.joinable()) return;
  touch();
  thread_.join();
}

void FileFeeds::run() {
  for (;;) {
    MonotonicTime due;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      follow_folders();
      mark_changed();
      read_due();
      const auto now = std::chrono::steady_clock::now();
      if (receiver_.next_deadline() <= now) receiver_.on_time(now);
      due = next_due();
    }
    wait(due);
  }
}

void FileFeeds::follow_folders() {
  if (!std::exchange(folders_changed_, false)) return;
  std::set<std::string> folders;
  for (const auto& [feed, file] : files_) folders.insert(file->folder);
  folders_.follow(folders);
}

void FileFeeds::mark_changed() {
  const std::set<std::string> changed = folders_.take_changed();
  if (changed.empty()) return;
  for (const auto& [feed, file] : files_) file->is_due = file->is_due || changed.contains(file->folder);
}

/// What a file brings may make others due, or unneeded.
void FileFeeds::read_due() {
  const auto is_due = [](const auto& entry) { return entry.second->is_due; };
  for (auto next = std::ranges::find_if(files_, is_due); next != files_.end();
       next = std::ranges::find_if(files_, is_due)) {
    follow_folders();  // first, so that no change is missed
    read(*next->second);
    receiver_.on_answered(std::chrono::steady_clock::now());
  }
}

void FileFeeds::read(File& file) {
  file.is_due = false;
  const auto response = read_discovery_file(file.path);
  const bool was_wanted = std::exchange(file.is_wanted, false);
  const std::string before = std::exchange(file.failure, response.ok() ? "" : response.error().message);
  if (!response.ok()) {
    if (file.failure == before && !was_wanted) return;  // another file of the folder changed
    file.hash = 0;
    log(LogLevel::kWarning, file.failure);
    return receiver_.on_failure(file.key, file.type);
  }
  const uint64_t hash = content_hash(response->SerializeAsString());
  if (!was_wanted && hash == file.hash) return;
  file.hash = hash;
  const UpdateResult result = receiver_.on_response(
      file.key, file.type, *response, std::chrono::steady_clock::now(), std::chrono::system_clock::now());
  if (result.accepted.empty() && !result.ok() && result.refused.empty()) return;  // refused as a whole
  std::set<std::string> there(result.accepted.begin(), result.accepted.end());
  there.insert(result.refused.begin(), result.refused.end());
  for (const std::string& name : file.names) {
    if (!there.contains(name)) receiver_.on_absent(file.key, file.type, name);
  }
}

MonotonicTime FileFeeds::next_due() const {
  MonotonicTime next = receiver_.next_deadline();
  if (folders_.is_incomplete()) next = std::min(next, std::chrono::steady_clock::now() + kLookForFolder);
  return next;
}

void FileFeeds::touch() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof(one));
}

void FileFeeds::wait(MonotonicTime until) const {
  pollfd descriptors[] = {{wake_fd_, POLLIN, 0}, {folders_.descriptor(), POLLIN, 0}};
  constexpr Milliseconds kLongest{60000};
  Milliseconds left = kLongest;
  if (until != MonotonicTime::max()) {
    const auto now = std::chrono::steady_clock::now();
    // Rounded up, so that what is due is due.
    left = std::clamp(std::chrono::ceil<Milliseconds>(until - now), Milliseconds{0}, kLongest);
  }
  ::poll(descriptors, 2, static_cast<int>(left.count()));
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t size = ::read(wake_fd_, &count, sizeof(count));
}

}  // namespace remora::xds
