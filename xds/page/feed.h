#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <vector>

#include "page/page.h"

namespace remora::page {

/// Who looks on, and what they are told. A listener first gets everything, then only what changes:
///   snapshot      {time, rollouts, traffic, mesh}; traffic with the series of the last minutes
///   traffic       without series: every two seconds, changed or not, since it is a sign of life as well;
///   with
///                 `standing`, what is to be known of this replica
///   rollout       one of Rollouts::view() that is new or has changed, as recent() has it
///   rollout-gone  {namespace, name}
///   mesh          mesh_json()
/// In Format::kLines it gets rollouts only, as lines {"type": "ADDED|MODIFIED|DELETED", "rollout": {...}}.
class Feed : public std::enable_shared_from_this<Feed> {
 public:
  enum class Format { kEvents, kLines };

  Feed(boost::asio::io_context& context, Sources sources);

  void start();  ///< begins to follow the rollouts; not in the constructor, which cannot share this yet
  void close();
  /// Answers with a stream, or with 503 where there are too many.
  void add(const web::ResponderPtr& responder, Format format);
  /// May come often: what a busy cluster does to its endpoints is told once a second.
  void mesh_changed();

 private:
  struct Listener {
    web::ResponderPtr responder;
    Format format;
  };

  void wait();
  void tick();
  void rollouts_changed();
  void tell_changed_rollouts();
  void remember(const boost::json::array& rollouts);
  void tell(Format format, const std::string& text);
  std::string snapshot() const;
  boost::json::array view() const;  ///< each as recent() has it
  boost::json::object traffic(const std::function<boost::json::object()>& source) const;
  boost::json::object mesh() const;

  boost::asio::io_context& context_;
  const Sources sources_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<void> watch_;
  std::vector<Listener> listeners_;
  /// What the listeners know of each canary, by "namespace/name". Empty while nobody looks.
  std::map<std::string, std::string> told_;
  boost::asio::steady_timer pause_;       ///< between two looks at all rollouts
  bool changed_ = false;                  ///< since the last look
  bool telling_ = false;                  ///< a look, or the pause after it, is under way
  boost::asio::steady_timer mesh_timer_;  ///< until the mesh is told next
  std::chrono::steady_clock::time_point mesh_told_;
  bool telling_mesh_ = false;  ///< it will be
  bool ticking_ = false;       ///< the timer runs: only while somebody looks on
  bool closed_ = false;
};

/// A canary with the newest 50 steps of its timeline at most; `earlierSteps` says how many are left out. What
/// is told often, and for every canary at once, must stay small.
boost::json::value recent(boost::json::value rollout);

/// The string field `name` of an object; empty where there is none.
std::string text_of(const boost::json::value& object, std::string_view name);

}  // namespace remora::page
