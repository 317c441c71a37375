#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "kube/api.h"
#include "kube/selector.h"

namespace remora::kube {

/// One watch: what changes among the selected objects, as a stream of JSON lines, until the client leaves,
/// the time that it asked for is over, or it reads too slowly.
class WatchStream : public std::enable_shared_from_this<WatchStream> {
 public:
  WatchStream(Api& api, CallPtr call, Selector selector);

  void start();

 private:
  /// What the query says about where to start.
  struct Start {
    std::optional<uint64_t> version;  ///< nothing: now
    bool initial_events = false;      ///< everything that is there comes first, as if just added
    bool tell_end_of_initial = false;
  };
  Outcome<Start> read_start() const;

  void on_event(const store::Event& event);
  void send(const char* type, const boost::json::object& object);
  void send_objects(const store::ObjectList& list);
  void send_bookmark(bool initial_events_end);
  void classify_unchanged(uint64_t since);
  void arm_end();
  void arm_bookmark();
  void finish();

  Api& api_;
  CallPtr call_;
  Selector selector_;
  store::ObjectStore::Watch watch_;
  boost::asio::steady_timer end_;
  boost::asio::steady_timer bookmark_;
  bool bookmarks_ = false;
  bool first_ = true;
  bool finished_ = false;
  /// Whether an object was selected when last seen; only kept where a selector looks at what can change.
  std::map<std::pair<std::string, std::string>, bool> selected_;
};

}  // namespace remora::kube
