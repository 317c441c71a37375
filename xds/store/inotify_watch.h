#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>

namespace remora::store {

/// Tells that something in some folders changed, not what: a look at the folder is cheap and cannot be out of
/// date.
class InotifyWatch {
 public:
  /// `on_event` runs on the context's thread, once per read of events.
  InotifyWatch(boost::asio::io_context& context, std::function<void()> on_event);

  /// Watches a folder, or only one name in it: the neighbours of a file in a busy folder are nobody's
  /// business here. Adding it again is cheap, and needed after it was replaced by another of its name.
  void add(const std::string& folder, const std::string& name = "");

  /// Begins to report. What happened since add() is reported as well.
  void start();

 private:
  void read();
  bool concerns_us(size_t length) const;

  boost::asio::posix::stream_descriptor descriptor_;
  std::function<void()> on_event_;
  std::map<int, std::set<std::string>> names_;  // by watch; an empty set means every name
  alignas(8) std::array<char, 4096> buffer_{};
};

}  // namespace remora::store
