#include "core/host_index.h"

#include <utility>
#include <vector>

namespace remora {
namespace {

// The authority without ":port". The colons inside an IPv6 literal's brackets do not count.
std::string_view without_port(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return authority;
  const size_t bracket = authority.rfind(']');
  return bracket == std::string_view::npos || bracket < colon ? authority.substr(0, colon) : authority;
}

Error domain_error(const VirtualHost& host, const std::string& domain, std::string_view what) {
  return Error{"virtual host '" + host.name + "': domain '" + domain + "' " + std::string(what)};
}

// Longest stored string that begins the text and leaves at least one byte for the '*': its host and length.
template <typename ByteAt>
std::pair<uint32_t, size_t> longest(const ByteTrie& trie, size_t size, ByteAt at) {
  std::pair<uint32_t, size_t> best{HostIndex::kNone, 0};
  trie.walk(size, at, [&](uint32_t host, size_t length) {
    if (length < size) best = {host, length};
  });
  return best;
}

}  // namespace

Result<HostIndex> HostIndex::build(const RouteConfig& config) {
  HostIndex index;
  index.ignore_port_ = config.ignore_port_in_host;
  absl::flat_hash_map<std::string, uint32_t> seen;
  std::vector<ByteTrie::Entry> suffixes;
  std::vector<ByteTrie::Entry> prefixes;
  for (uint32_t number = 0; number < config.virtual_hosts.size(); ++number) {
    const VirtualHost& host = config.virtual_hosts[number];
    for (const std::string& given : host.domains) {
      std::string domain = given;
      ascii_lower_in_place(domain);
      if (domain.empty()) return domain_error(host, given, "is empty");
      if (const auto [other, fresh] = seen.emplace(domain, number); !fresh) {
        return domain_error(
            host, given,
            "occurs twice, also in virtual host '" + config.virtual_hosts[other->second].name + "'");
      }
      const size_t star = domain.find('*');
      if (domain == "*") {
        index.default_ = number;
      } else if (star == std::string::npos) {
        index.exact_.emplace(std::move(domain), number);
      } else if (star == 0 && domain.find('*', 1) == std::string::npos) {
        suffixes.emplace_back(std::string(domain.rbegin(), domain.rend() - 1), number);
      } else if (star == domain.size() - 1) {
        prefixes.emplace_back(domain.substr(0, star), number);
      } else {
        return domain_error(host, given, "has a wildcard that is not at one end");
      }
    }
  }
  index.suffixes_ = ByteTrie(std::move(suffixes));
  index.prefixes_ = ByteTrie(std::move(prefixes));
  return index;
}

HostIndex::Found HostIndex::look_up(std::optional<std::string_view> authority) const {
  if (only_default()) return {default_};
  if (!authority) return {};
  const std::string_view host = ignore_port_ ? without_port(*authority) : *authority;
  if (const auto found = exact_.find(host); found != exact_.end())
    return {found->second, By::kExact, host.size()};
  const size_t size = host.size();
  const auto by_suffix = longest(suffixes_, size, [&](size_t i) { return ascii_lower(host[size - 1 - i]); });
  if (by_suffix.first != kNone) return {by_suffix.first, By::kSuffix, by_suffix.second};
  const auto by_prefix = longest(prefixes_, size, [&](size_t i) { return ascii_lower(host[i]); });
  if (by_prefix.first != kNone) return {by_prefix.first, By::kPrefix, by_prefix.second};
  return {default_};
}

std::string HostIndex::domain_of(std::optional<std::string_view> authority) const {
  const Found found = look_up(authority);
  if (found.host == kNone) return {};
  std::string host(authority.value_or(std::string_view()));
  if (ignore_port_) host = without_port(host);
  ascii_lower_in_place(host);
  switch (found.by) {
    case By::kExact: return host;
    case By::kSuffix: return "*" + host.substr(host.size() - found.length);
    case By::kPrefix: return host.substr(0, found.length) + "*";
    case By::kAny: break;
  }
  return "*";
}

}  // namespace remora
