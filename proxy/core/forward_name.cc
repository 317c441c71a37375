#include <algorithm>
#include <charconv>

#include "core/ascii.h"
#include "remora/config/dns_cache.h"

namespace remora {
namespace {

constexpr size_t kLongestName = 253;  // RFC 1035 section 2.3.4
constexpr size_t kLongestLabel = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Underscores are no part of a host's name, and there are such names.
bool is_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kLongestName) return false;
  size_t label = 0;
  for (const char c : host) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!is_digit(c) && !is_letter(c) && c != '-' && c != '_') {
      return false;
    } else if (++label > kLongestLabel) {
      return false;
    }
  }
  return label > 0;
}

/// What is between the brackets; whether it is an address is seen when it is used as one.
bool is_ipv6(std::string_view host) {
  constexpr size_t kLongest = 45;
  if (host.size() < 2 || host.size() > kLongest) return false;
  for (const char c : host) {
    const bool hexadecimal = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (!hexadecimal && c != ':' && c != '.') return false;
  }
  return true;
}

/// 0: it is none.
uint16_t to_port(std::string_view text) {
  uint16_t port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? port : uint16_t{0};
}

/// Where the host ends and the port, with its colon, begins.
size_t end_of_host(std::string_view authority) {
  if (!authority.starts_with('[')) return std::min(authority.find(':'), authority.size());
  const size_t bracket = authority.find(']');
  return bracket == std::string_view::npos ? authority.size() : bracket + 1;
}

}  // namespace

bool forward_name(std::string_view authority, uint16_t default_port, std::string& out) {
  const auto host = authority.substr(0, end_of_host(authority));
  const auto rest = authority.substr(host.size());
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed ? !is_ipv6(host.substr(1, host.size() - 2)) : !is_name(host)) return false;
  if (!rest.empty() && rest.front() != ':') return false;
  const uint16_t port = rest.empty() ? default_port : to_port(rest.substr(1));
  if (port == 0) return false;
  out.assign(host);
  ascii_lower_in_place(out);
  char digits[8];
  const auto written = std::to_chars(digits, digits + sizeof(digits), port);
  out += ':';
  out.append(digits, written.ptr);
  return true;
}

std::string CachedName::host() const {
  std::string host = text_.substr(0, text_.rfind(':'));
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

uint16_t CachedName::port() const { return to_port(std::string_view(text_).substr(text_.rfind(':') + 1)); }

}  // namespace remora
