#include "web/url.h"

#include <algorithm>
#include <charconv>

namespace remora::web {
namespace {

Error fault(std::string_view text, std::string_view what) {
  return Error{"URL " + std::string(text.substr(0, 200)) + ": " + std::string(what)};
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  return code == std::errc() && end == text.data() + text.size() && port > 0 && port < 65536;
}

/// Splits "host", "host:port", "[::1]:port" into `url`; false where it is none of them.
bool split_authority(std::string_view authority, Url& url) {
  size_t host_end = authority.find(':');
  std::string_view host = authority.substr(0, host_end);
  if (authority.starts_with('[')) {
    const size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return false;
    host = authority.substr(1, bracket - 1);
    host_end = bracket + 1 < authority.size() ? bracket + 1 : std::string_view::npos;
    if (host_end != std::string_view::npos && authority[host_end] != ':') return false;
  }
  if (host.empty()) return false;
  url.host = host;
  if (host_end == std::string_view::npos) return true;
  url.port = authority.substr(host_end + 1);
  return is_port(url.port);
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return fault(text, "must begin with http:// or https://");
  }
  if (std::any_of(rest.begin(), rest.end(), [](char c) { return c <= ' ' || c >= 0x7f; })) {
    return fault(text, "holds a character that no URL may have");
  }
  rest = rest.substr(0, rest.find('#'));
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  url.authority = rest.substr(0, end);
  if (url.authority.find('@') != std::string::npos) return fault(text, "must not hold a user name");
  url.port = url.tls ? "443" : "80";
  if (!split_authority(url.authority, url)) return fault(text, "has no valid host and port");
  url.target = rest.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  return url;
}

}  // namespace remora::web
