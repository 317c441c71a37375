#include "control_plane/admin_door.h"

#include <spdlog/spdlog.h>

#include <boost/asio/signal_set.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>

namespace remora::xds {
namespace {

namespace json = boost::json;

web::Response text_page(unsigned status, std::string body) {
  return {status, "text/plain; charset=utf-8", std::move(body)};
}

}  // namespace

AdminDoor::AdminDoor(boost::asio::io_context& context, const ObjectHome& home)
    : home_(home),
      server_(context,
              [this](const web::Request& request, const web::ResponderPtr& responder) {
                responder->respond(answer(request));
              },
              {.anyone = true}) {}

Result<void> AdminDoor::listen(const std::string& address) {
  auto listening = server_.listen(address);
  if (!listening.ok()) return Error{listening.error()};
  address_ = std::move(*listening);
  return {};
}

web::Response AdminDoor::answer(const web::Request& request) const {
  if (request.path() == "/debug/store") {
    return {200, "application/json", json::serialize(home_.describe()) + "\n"};
  }
  return pages_ ? pages_(request) : while_waiting(request);
}

web::Response AdminDoor::while_waiting(const web::Request& request) const {
  if (request.path() == "/healthz") return text_page(200, "ok\n");
  std::string text =
      "nothing is served yet: the Kubernetes API server has not told everything that is needed\n";
  if (const std::string what = waits_for_(); !what.empty()) text += what + '\n';
  for (const json::value& entry : home_.describe()) {
    const json::object& kind = entry.get_object();
    if (kind.at("needed") != json::value(true) || kind.at("synced") == json::value(true)) continue;
    if (kind.at("condition") == "Absent") continue;
    text += std::string(kind.at("resource").get_string()) + ": " +
            std::string(kind.at("condition").get_string()) + ": " +
            std::string(kind.at("message").get_string()) + '\n';
  }
  return text_page(503, std::move(text));
}

bool wait_until_ready(boost::asio::io_context& context, const std::function<bool()>& ready) {
  if (ready()) return true;
  // Held by the handler as well, which is told that it is not wanted any more after this has returned.
  const auto ended = std::make_shared<bool>(false);
  boost::asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([ended](const boost::system::error_code& error, int) { *ended = !error; });
  while (!ready() && !*ended) context.run_one();
  if (*ended) spdlog::info("shutting down");
  return !*ended;
}

}  // namespace remora::xds
