#include "capture/options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace remora::capture {
namespace {

constexpr size_t kMaxInterfaceName = 15;  // IFNAMSIZ without its zero
constexpr size_t kMaxOwnerGroups = 64;    // a match each, all in one rule
constexpr size_t kMaxEntries = 1024;      // of any list: a rule each, looked at by every new connection

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Every part of a list by comma, as `parse` reads it; empty parts are none, as for Istio.
template <typename T, typename Parse>
Result<std::vector<T>> parse_list(std::string_view text, Parse parse) {
  std::vector<T> all;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view part = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (part.empty()) continue;
    Result<T> one = parse(part);
    if (!one.ok()) return std::move(one).error();
    all.push_back(std::move(*one));
    if (all.size() > kMaxEntries) return Error{"more than " + std::to_string(kMaxEntries) + " entries"};
  }
  return all;
}

template <typename T>
Result<Selection<T>> all_or(std::string_view text, Result<std::vector<T>> (*parse)(std::string_view)) {
  if (trimmed(text) == "*") return Selection<T>{true, {}};
  auto some = parse(text);
  if (!some.ok()) return std::move(some).error();
  return Selection<T>{false, std::move(*some)};
}

Result<PortRange> parse_range(std::string_view text) {
  const size_t dash = text.find_first_of("-:");
  const auto first = parse_number(text.substr(0, dash), 1, 65535);
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), 1, 65535);
  if (!first.ok() || !last.ok() || *last < *first)
    return Error{quoted(text) + " is no port and no range of ports"};
  return PortRange{static_cast<uint16_t>(*first), static_cast<uint16_t>(*last)};
}

void clear_behind(std::array<uint8_t, 16>& bytes, uint32_t length) {
  for (uint32_t bit = length; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  }
}

Result<Prefix> parse_prefix(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  std::array<uint8_t, 16> bytes{};
  const bool v4 = inet_pton(AF_INET, address.c_str(), bytes.data()) == 1;
  if (!v4 && inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) {
    return Error{quoted(text) + " is no network like 10.0.0.0/8 or fd00::/8"};
  }
  const uint32_t most = v4 ? 32 : 128;
  const auto length = slash == std::string_view::npos ? Result<uint32_t>(most)
                                                      : parse_number(text.substr(slash + 1), 0, most);
  if (!length.ok()) return Error{quoted(text) + ": the length of a prefix is 0 to " + std::to_string(most)};
  const std::array<uint8_t, 16> one{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const bool loopback = v4 ? bytes[0] == 127 : bytes == one;
  clear_behind(bytes, *length);
  std::array<char, INET6_ADDRSTRLEN> written{};
  inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data(), written.data(), written.size());
  return Prefix{v4 ? Family::kV4 : Family::kV6, std::string(written.data()) + "/" + std::to_string(*length),
                loopback};
}

/// Only what needs no quoting in any of the tools' languages.
Result<std::string> parse_interface(std::string_view text) {
  const std::string_view name = text.substr(0, text.size() - (text.ends_with('+') ? 1 : 0));
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (!plain || name.empty() || name.front() == '-' || text.size() > kMaxInterfaceName) {
    return Error{quoted(text) + " is no name of an interface"};
  }
  return std::string(text);
}

}  // namespace

Result<uint32_t> parse_number(std::string_view text, uint32_t least, uint32_t most) {
  uint32_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return Error{quoted(text) + " is no number from " + std::to_string(least) + " to " +
                 std::to_string(most)};
  }
  return number;
}

Result<std::vector<PortRange>> parse_ports(std::string_view text) {
  return parse_list<PortRange>(text, parse_range);
}

Result<Selection<PortRange>> parse_port_selection(std::string_view text) {
  return all_or<PortRange>(text, parse_ports);
}

Result<std::vector<Prefix>> parse_prefixes(std::string_view text) {
  return parse_list<Prefix>(text, parse_prefix);
}

Result<Selection<Prefix>> parse_prefix_selection(std::string_view text) {
  return all_or<Prefix>(text, parse_prefixes);
}

Result<std::vector<std::string>> parse_interfaces(std::string_view text) {
  return parse_list<std::string>(text, parse_interface);
}

Result<std::vector<uint32_t>> parse_owners(std::string_view text, int64_t (*find)(const std::string& name)) {
  return parse_list<uint32_t>(text, [find](std::string_view part) -> Result<uint32_t> {
    if (part.find_first_not_of("0123456789") == std::string_view::npos)
      return parse_number(part, 0, UINT32_MAX - 1);
    const int64_t found = find(std::string(part));
    if (found < 0) return Error{quoted(part) + " is unknown on this machine: give its number"};
    return static_cast<uint32_t>(found);
  });
}

Result<std::string> parse_loopback_range(std::string_view text) {
  const auto prefix = parse_prefix(text);
  const bool within =
      prefix.ok() && prefix->loopback && prefix->family == Family::kV4 && prefix->text.starts_with("127.");
  if (!within) return Error{quoted(text) + " is no network within 127.0.0.0/8"};
  return prefix->text;
}

Result<void> check(const CaptureOptions& options) {
  if (options.proxy_uids.empty()) return Error{"no uid for the proxy: its own connections would be captured"};
  if (options.outbound_port == options.inbound_port) return Error{"outbound and inbound port are the same"};
  if (!options.owner_groups.all && options.owner_groups.some.size() > kMaxOwnerGroups) {
    return Error{"more than " + std::to_string(kMaxOwnerGroups) + " owner groups"};
  }
  if (!options.owner_groups.all && !options.excluded_owner_groups.empty()) {
    return Error{"owner groups can be excluded only from all of them (\"*\")"};
  }
  return {};
}

}  // namespace remora::capture
