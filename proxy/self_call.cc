#include "self_call.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <charconv>

#include "admin/http_call.h"

namespace remora {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

admin::Awaitable<void> keep(admin::Awaitable<Result<admin::CallAnswer>> call,
                            Result<admin::CallAnswer>* out) {
  *out = co_await std::move(call);
}

}  // namespace

Result<SelfUrl> parse_self_url(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  const Error wrong{"\"" + url + "\" is not http://HOST[:PORT][/PATH]"};
  if (!url.starts_with(kScheme)) return wrong;
  const size_t slash = std::min(url.find('/', kScheme.size()), url.size());
  const std::string authority = url.substr(kScheme.size(), slash - kScheme.size());
  SelfUrl out;
  if (slash < url.size()) out.path = url.substr(slash);
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string::npos ? 0 : bracket);
  out.host = authority.substr(0, colon);
  if (out.host.starts_with('[') && out.host.ends_with(']'))
    out.host = out.host.substr(1, out.host.size() - 2);
  if (out.host == "localhost") out.host = "127.0.0.1";
  error_code error;
  asio::ip::make_address(out.host, error);
  if (error) return wrong;
  if (colon == std::string::npos) return out;
  const char* end = authority.data() + authority.size();
  const auto [rest, code] = std::from_chars(authority.data() + colon + 1, end, out.port);
  if (code != std::errc() || rest != end || out.port == 0) return wrong;
  return out;
}

Result<SelfAnswer> call_self(const std::string& method, const SelfUrl& url, std::chrono::milliseconds limit) {
  asio::io_context io(1);
  Result<admin::CallAnswer> answer = Error{"no answer"};
  const admin::Peer peer{{asio::ip::make_address(url.host), url.port}, {}, limit};
  asio::co_spawn(io.get_executor(),
                 keep(admin::http_call(peer, {.method = method, .path = url.path}), &answer), asio::detached);
  io.run();
  if (!answer) return Error{answer.error().message};
  return SelfAnswer{answer->status, std::move(answer->body)};
}

}  // namespace remora
