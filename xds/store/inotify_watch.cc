#include "store/inotify_watch.h"

#include <spdlog/spdlog.h>
#include <sys/inotify.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <cstring>

namespace remora::store {

InotifyWatch::InotifyWatch(boost::asio::io_context& context, std::function<void()> on_event)
    : descriptor_(context),
      on_event_(std::move(on_event)) {
  const int descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) {
    spdlog::warn("inotify is not available ({}): changes of files are seen by polling only",
                 std::strerror(errno));
    return;
  }
  descriptor_.assign(descriptor);
}

void InotifyWatch::add(const std::string& folder, const std::string& name) {
  if (!descriptor_.is_open()) return;
  constexpr uint32_t kEvents = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                               IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;
  // The kernel knows a folder by its inode and returns the watch that it has already.
  const int watch = inotify_add_watch(descriptor_.native_handle(), folder.c_str(), kEvents);
  if (watch < 0) {
    if (errno == ENOENT) return;
    spdlog::debug("{} cannot be watched ({}): changes in it are seen by polling only", folder,
                  std::strerror(errno));
    return;
  }
  const auto [names, fresh] = names_.try_emplace(watch);
  if (name.empty()) {
    names->second.clear();
  } else if (fresh || !names->second.empty()) {
    names->second.insert(name);
  }
}

void InotifyWatch::start() {
  if (descriptor_.is_open()) read();
}

void InotifyWatch::read() {
  descriptor_.async_read_some(boost::asio::buffer(buffer_),
                              [this](const boost::system::error_code& error, size_t n) {
                                if (error) return;
                                if (concerns_us(n)) on_event_();
                                read();
                              });
}

bool InotifyWatch::concerns_us(size_t length) const {
  for (size_t at = 0; at + sizeof(inotify_event) <= length;) {
    inotify_event event{};
    std::memcpy(&event, buffer_.data() + at, sizeof(event));
    const char* name = buffer_.data() + at + sizeof(event);
    at += sizeof(event) + event.len;
    const auto wanted = names_.find(event.wd);
    // An event without a name is about the folder itself, and one without a watch says that events were lost.
    if (event.len == 0 || wanted == names_.end() || wanted->second.empty()) return true;
    if (wanted->second.contains(std::string(name, strnlen(name, event.len)))) return true;
  }
  return false;
}

}  // namespace remora::store
