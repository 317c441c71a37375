#include "control_plane/inotify_watch.h"

#include <spdlog/spdlog.h>
#include <sys/inotify.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <cstring>

namespace remora::xds {

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

void InotifyWatch::add(const std::string& folder) {
  if (!descriptor_.is_open()) return;
  constexpr uint32_t kEvents = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                               IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;
  // The kernel knows a folder by its inode and returns the watch it has, so there is nothing to remember
  // here.
  if (inotify_add_watch(descriptor_.native_handle(), folder.c_str(), kEvents) < 0 && errno != ENOENT) {
    spdlog::debug("{} cannot be watched ({}): changes in it are seen by polling only", folder,
                  std::strerror(errno));
  }
}

void InotifyWatch::start() {
  if (descriptor_.is_open()) read();
}

void InotifyWatch::read() {
  descriptor_.async_read_some(boost::asio::buffer(buffer_),
                              [this](const boost::system::error_code& error, size_t) {
                                if (error) return;
                                on_event_();
                                read();
                              });
}

}  // namespace remora::xds
