#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "control_plane/object_home.h"
#include "web/http_server.h"

namespace remora::xds {

/// The admin interface's address. It answers from the start: that we live, and what we still wait for; and
/// with all pages once there is something to show. Control thread only.
class AdminDoor {
 public:
  /// Both must outlive this.
  AdminDoor(boost::asio::io_context& context, const ObjectHome& home);

  Result<void> listen(const std::string& address);
  const std::string& address() const { return address_; }
  /// From now on, `pages` answers whatever is not about the home.
  void show(std::function<web::Response(const web::Request&)> pages) { pages_ = std::move(pages); }
  /// While nothing is served, `what` says what else that waits for; an empty text: for nothing.
  void also_waits_for(std::function<std::string()> what) { waits_for_ = std::move(what); }
  void close() { server_.close(); }

 private:
  web::Response answer(const web::Request& request) const;
  web::Response while_waiting(const web::Request& request) const;

  const ObjectHome& home_;
  std::function<web::Response(const web::Request&)> pages_;
  std::function<std::string()> waits_for_ = [] { return std::string(); };
  web::HttpServer server_;
  std::string address_;
};

/// Runs the context until `ready()`. False if the process was asked to end before.
bool wait_until_ready(boost::asio::io_context& context, const std::function<bool()>& ready);

}  // namespace remora::xds
