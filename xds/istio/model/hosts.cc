#include "istio/model/hosts.h"

#include <algorithm>
#include <cctype>

namespace remora::istio {

std::string resolve_host(std::string_view host, std::string_view ns) {
  std::string name(host);
  if (name.empty() || name == "*" || name.find('.') != std::string::npos) return name;
  return name.append(".").append(ns).append(".").append(kClusterDomain);
}

bool is_dns_name(std::string_view name) {
  constexpr size_t kLongestName = 253;
  constexpr size_t kLongestLabel = 63;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > kLongestName) return false;
  const auto is_inner = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; };
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('.', start), name.size());
    const std::string_view label = name.substr(start, end - start);
    if (label.empty() || label.size() > kLongestLabel || label.front() == '-' || label.back() == '-')
      return false;
    if (!std::all_of(label.begin(), label.end(), is_inner)) return false;
    start = end + 1;
  }
  return true;
}

bool host_matches(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with('*')) return pattern == host;
  const std::string_view suffix = pattern.substr(1);
  return host.size() >= pattern.size() && host.ends_with(suffix);
}

std::vector<std::string> host_aliases(const std::string& host, const std::string& client_ns) {
  std::vector<std::string> aliases{host};
  const std::string suffix = std::string(".") + std::string(kClusterDomain);
  if (!host.ends_with(suffix)) return aliases;
  const std::string name_and_ns = host.substr(0, host.size() - suffix.size());
  const size_t dot = name_and_ns.find('.');
  if (dot == std::string::npos || name_and_ns.find('.', dot + 1) != std::string::npos) return aliases;
  if (name_and_ns.substr(dot + 1) == client_ns) aliases.push_back(name_and_ns.substr(0, dot));
  aliases.push_back(name_and_ns);
  aliases.push_back(name_and_ns + ".svc");
  return aliases;
}

bool exported_to(const std::vector<std::string>& export_to, std::string_view owner_ns,
                 std::string_view client_ns) {
  if (export_to.empty()) return true;
  return std::any_of(export_to.begin(), export_to.end(), [&](const std::string& target) {
    return target == "*" || target == client_ns || (target == "." && owner_ns == client_ns);
  });
}

bool labels_match(const Labels& wanted, const Labels& labels) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    const auto found = labels.find(label.first);
    return found != labels.end() && found->second == label.second;
  });
}

}  // namespace remora::istio
