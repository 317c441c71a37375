#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>

#include "rollout/rollouts.h"
#include "web/http_server.h"

namespace remora::page {

/// Where the page gets what it shows. Each may be left out; the page then says nothing about it.
struct Sources {
  rollout::Rollouts* rollouts = nullptr;
  /// telemetry::LiveView::numbers(): every version's rates and quantiles now.
  std::function<boost::json::object()> traffic = nullptr;
  /// telemetry::LiveView::view(): the same with the series of the last minutes.
  std::function<boost::json::object()> traffic_history = nullptr;
  std::function<boost::json::object()> mesh = nullptr;  ///< mesh_json()
  /// What those who look must know of this replica of the control plane; empty: nothing.
  std::function<std::string()> standing = nullptr;
};

/// What people look at, and the rollouts for programs:
///   GET /  GET /ui/...                        the page: HTML, style and scripts, nothing from elsewhere
///   GET /ui/events                            its server-sent events (feed.h)
///   GET /rollouts[?watch]                     rollout::Rollouts::view(); watch: one line of JSON a change
///   GET /rollouts/{namespace}/{name}          one of them
///   POST /rollouts/{namespace}/{name}/{action}  pause, resume, promote, abort
/// Control thread only.
class Page {
 public:
  Page(boost::asio::io_context& context, Sources sources);
  ~Page();

  /// False where the request is for somebody else.
  bool handle(web::Request& request, const web::ResponderPtr& responder);
  void mesh_changed();
  void close();  ///< ends all streams and the timer

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace remora::page
