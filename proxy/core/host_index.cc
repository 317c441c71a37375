#include "core/host_index.h"

#include <algorithm>
#include <utility>

#include "core/byte_trie.h"

namespace remora {

/// The domains with a '*' at one end and more than that. They are few, or change together: a change of one
/// makes all of it anew.
struct HostIndex::Wildcards {
  std::vector<std::pair<std::string, const VirtualHost*>> all;  // in lower case; numbered by the tries
  ByteTrie suffixes;                                            // reversed, without the '*'
  ByteTrie prefixes;

  void build() {
    std::vector<ByteTrie::Entry> suffix_entries;
    std::vector<ByteTrie::Entry> prefix_entries;
    for (uint32_t number = 0; number < all.size(); ++number) {
      const std::string& domain = all[number].first;
      if (domain.front() == '*') {
        suffix_entries.emplace_back(std::string(domain.rbegin(), domain.rend() - 1), number);
      } else {
        prefix_entries.emplace_back(domain.substr(0, domain.size() - 1), number);
      }
    }
    suffixes = ByteTrie(std::move(suffix_entries));
    prefixes = ByteTrie(std::move(prefix_entries));
  }
};

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

Error occurs_twice(const VirtualHost& host, const std::string& domain, const VirtualHost& other) {
  return domain_error(host, domain, "occurs twice, also in virtual host '" + other.name + "'");
}

// Longest stored string that begins the text and leaves at least one byte for the '*': its number and length.
template <typename ByteAt>
std::optional<std::pair<uint32_t, size_t>> longest(const ByteTrie& trie, size_t size, ByteAt at) {
  std::optional<std::pair<uint32_t, size_t>> best;
  trie.walk(size, at, [&](uint32_t number, size_t length) {
    if (length < size) best = {number, length};
  });
  return best;
}

}  // namespace

/// Makes one index out of another.
class HostIndex::Editor {
 public:
  explicit Editor(HostIndex& index) : index_(index) {}

  void remove(const VirtualHost* host) {
    for (const std::string& domain : host->domains) {
      if (domain.find('*') == std::string::npos) {
        index_.exact_.remove(domain, host);
      } else if (domain == "*") {
        if (index_.default_ == host) index_.default_ = nullptr;
      } else {
        wildcard_hosts_gone_.push_back(host);
      }
    }
  }

  Result<void> add(const VirtualHost* host) {
    for (const std::string& domain : host->domains) {
      if (auto added = add(domain, host); !added) return added;
    }
    return {};
  }

  Result<void> finish() {
    if (wildcard_hosts_gone_.empty() && wildcards_.empty()) return {};
    Wildcards made;
    std::ranges::sort(wildcard_hosts_gone_);
    if (index_.wildcards_ != nullptr) {
      for (const auto& entry : index_.wildcards_->all) {
        if (!std::ranges::binary_search(wildcard_hosts_gone_, entry.second)) made.all.push_back(entry);
      }
    }
    std::ranges::move(wildcards_, std::back_inserter(made.all));
    if (auto unique = check_unique(made); !unique) return unique;
    made.build();
    index_.wildcards_ = made.all.empty() ? nullptr : std::make_shared<const Wildcards>(std::move(made));
    return {};
  }

 private:
  Result<void> add(const std::string& given, const VirtualHost* host) {
    if (given.empty()) return domain_error(*host, given, "is empty");
    const size_t star = given.find('*');
    if (star == std::string::npos) {
      const VirtualHost* other = index_.exact_.add(given, host);
      if (other != nullptr) return occurs_twice(*host, given, *other);
    } else if (given == "*") {
      if (index_.default_ != nullptr) return occurs_twice(*host, given, *index_.default_);
      index_.default_ = host;
    } else if (star == given.size() - 1 || (star == 0 && given.find('*', 1) == std::string::npos)) {
      std::string domain = given;
      ascii_lower_in_place(domain);
      wildcards_.emplace_back(std::move(domain), host);
    } else {
      return domain_error(*host, given, "has a wildcard that is not at one end");
    }
    return {};
  }

  static Result<void> check_unique(const Wildcards& wildcards) {
    absl::flat_hash_map<std::string_view, const VirtualHost*> seen;
    for (const auto& [domain, host] : wildcards.all) {
      const auto [other, fresh] = seen.emplace(domain, host);
      if (!fresh) return occurs_twice(*host, domain, *other->second);
    }
    return {};
  }

  HostIndex& index_;
  Hosts wildcard_hosts_gone_;
  std::vector<std::pair<std::string, const VirtualHost*>> wildcards_;  // new ones
};

Result<HostIndex> HostIndex::build(const RouteConfig& config) {
  HostIndex empty(config.ignore_port_in_host);
  Hosts all;
  size_t domains = 0;
  for (const VirtualHost& host : config.virtual_hosts) {
    all.push_back(&host);
    domains += host.domains.size();
  }
  empty.exact_ = DomainMap(domains);
  return empty.changed({}, all);
}

Result<HostIndex> HostIndex::changed(const Hosts& gone, const Hosts& fresh) const {
  HostIndex made(*this);
  Editor editor(made);
  for (const VirtualHost* host : gone) editor.remove(host);
  for (const VirtualHost* host : fresh) {
    if (auto added = editor.add(host); !added) return std::move(added).error();
  }
  if (auto finished = editor.finish(); !finished) return std::move(finished).error();
  return made;
}

HostIndex::Found HostIndex::look_up(std::optional<std::string_view> authority) const {
  if (only_default()) return {default_};
  if (!authority) return {};
  const std::string_view host = ignore_port_ ? without_port(*authority) : *authority;
  if (const VirtualHost* found = exact_.find(host)) return {found, By::kExact, host.size()};
  if (wildcards_ == nullptr) return {default_};
  const auto& [all, suffixes, prefixes] = *wildcards_;
  const size_t size = host.size();
  if (const auto best = longest(suffixes, size, [&](size_t i) { return ascii_lower(host[size - 1 - i]); }))
    return {all[best->first].second, By::kSuffix, best->second};
  if (const auto best = longest(prefixes, size, [&](size_t i) { return ascii_lower(host[i]); }))
    return {all[best->first].second, By::kPrefix, best->second};
  return {default_};
}

std::string HostIndex::domain_of(std::optional<std::string_view> authority) const {
  const Found found = look_up(authority);
  if (found.host == nullptr) return {};
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
