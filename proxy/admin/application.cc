#include "admin/application.h"

#include <ifaddrs.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <charconv>
#include <memory>

#include "admin/http_call.h"
#include "remora/core/address.h"

namespace remora::admin {
namespace {

namespace asio = boost::asio;

constexpr uint64_t kMostMetrics = 32 * 1024 * 1024;
constexpr const char* kTextFormat = "text/plain;version=0.0.4";

bool is_of_this_machine(const asio::ip::address& address) {
  if (address.is_loopback()) return true;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return false;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, &::freeifaddrs);
  for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const int family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (Address::from_sockaddr(each->ifa_addr, length).host() == address.to_string()) return true;
  }
  return false;
}

Result<Peer> peer_of(const Application::Place& place) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(place.host, error);
  if (error) return Error{"host: \"" + place.host + "\" is no IP address"};
  if (!is_of_this_machine(address)) return Error{"host: " + place.host + " is no address of this machine"};
  uint16_t port = 0;
  const char* end = place.port.data() + place.port.size();
  const auto [rest, code] = std::from_chars(place.port.data(), end, port);
  if (code != std::errc() || rest != end || port == 0) return Error{"port: \"" + place.port + "\" is none"};
  Peer peer{{address, port}, {}, place.limit};
  if (place.source.empty()) return peer;
  peer.source = asio::ip::make_address(place.source, error);
  if (error) return Error{"source: \"" + place.source + "\" is no IP address"};
  return peer;
}

Awaitable<void> connect_now(Peer peer, std::function<void(Result<void>)> done) {
  done(co_await try_connect(std::move(peer)));
}

/// Other formats would spoil the text that they are put into.
Result<std::string> as_text(Result<CallAnswer> answer) {
  if (!answer) return Error{answer.error().message};
  if (answer->status != 200) return Error{"its answer is " + std::to_string(answer->status)};
  if (!answer->content_type.empty() && !answer->content_type.starts_with("text/plain"))
    return Error{"its metrics are " + answer->content_type + ", not " + kTextFormat};
  return std::move(answer->body);
}

Awaitable<void> fetch_metrics(Peer peer, std::string path, std::function<void(Result<std::string>)> done) {
  CallRequest request{.path = std::move(path), .accept = kTextFormat, .most_body = kMostMetrics};
  done(as_text(co_await http_call(std::move(peer), std::move(request))));
}

}  // namespace

void Application::connect(const Place& place, std::function<void(Result<void>)> done) const {
  auto peer = peer_of(place);
  if (!peer) return asio::post(io_, [done, error = peer.error()] { done(error); });
  asio::co_spawn(io_.get_executor(), connect_now(std::move(*peer), std::move(done)), asio::detached);
}

void Application::metrics(const Place& place, const std::string& path,
                          std::function<void(Result<std::string>)> done) const {
  auto peer = peer_of(place);
  if (!peer) return asio::post(io_, [done, error = peer.error()] { done(error); });
  asio::co_spawn(io_.get_executor(), fetch_metrics(std::move(*peer), path, std::move(done)), asio::detached);
}

}  // namespace remora::admin
