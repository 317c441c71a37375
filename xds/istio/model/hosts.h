#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "istio/model/services.h"

namespace remora::istio {

inline constexpr std::string_view kClusterDomain = "svc.cluster.local";

/// "myapp" in namespace default -> "myapp.default.svc.cluster.local". Names with a dot, and wildcards, stay
/// as they are.
std::string resolve_host(std::string_view host, std::string_view ns);

/// Whether DNS can be asked for `name` (RFC 1123): labels of letters, digits and inner hyphens, of 63
/// characters at most and 253 in all. A dot at the end is no label.
bool is_dns_name(std::string_view name);

/// Whether `pattern` ("a.b", "*.b", "*") covers `host`, which may be a wildcard itself.
bool host_matches(std::string_view pattern, std::string_view host);

/// The names under which clients in `client_ns` may call a host: itself, and for Kubernetes services the
/// short forms.
std::vector<std::string> host_aliases(const std::string& host, const std::string& client_ns);

/// Whether a resource of `owner_ns` with this exportTo shows in `client_ns`. An empty list exports to all.
bool exported_to(const std::vector<std::string>& export_to, std::string_view owner_ns,
                 std::string_view client_ns);

/// Whether every label wanted is there with the wanted value.
bool labels_match(const Labels& wanted, const Labels& labels);

}  // namespace remora::istio
