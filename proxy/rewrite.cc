#include "rewrite.h"

#include "remora/http/path.h"

namespace remora {
namespace {

/// How much of the path the route's matcher stands for: what a prefix rewrite replaces.
size_t matched_length(const PathMatch& match, std::string_view path) {
  switch (match.kind) {
    case PathMatch::Kind::kPrefix:
    case PathMatch::Kind::kSeparatedPrefix: return match.value.size();
    default: return path.size();
  }
}

std::string rewritten(const PathRewrite& rewrite, const PathMatch& match, std::string_view path) {
  switch (rewrite.kind) {
    case PathRewrite::Kind::kPrefix:
      return rewrite.value + std::string(path.substr(matched_length(match, path)));
    case PathRewrite::Kind::kRegex: return rewrite.regex.replace_all(path, rewrite.value);
    case PathRewrite::Kind::kWhole: return rewrite.value;
    case PathRewrite::Kind::kFormat:
    case PathRewrite::Kind::kNone: break;
  }
  return std::string(path);
}

std::string_view without_port(std::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == std::string_view::npos) return host;
  const size_t bracket = host.rfind(']');
  return bracket != std::string_view::npos && colon < bracket ? host : host.substr(0, colon);
}

std::string_view port_part(std::string_view host) { return host.substr(without_port(host).size()); }

bool is_default_port(std::string_view port, std::string_view scheme) {
  return (scheme == "http" && port == ":80") || (scheme == "https" && port == ":443");
}

// A host that was appended last is not appended again: two proxies of one route would say it twice.
void append_forwarded_host(HeaderMap& head) {
  const auto host = head.authority();
  const auto old = head.value_of(HeaderId::kXForwardedHost);
  const size_t comma = old.rfind(',');
  auto last = comma == std::string_view::npos ? old : old.substr(comma + 1);
  while (last.starts_with(' ')) last.remove_prefix(1);
  if (host.empty() || last == host) return;
  head.set(HeaderId::kXForwardedHost,
           old.empty() ? std::string(host) : std::string(old) + "," + std::string(host));
}

}  // namespace

void rewrite_path(const Route& route, bool keep_original, HeaderMap& head, const ExchangeInfo& info) {
  const PathRewrite& rewrite = *route.forward.path_rewrite;
  if (rewrite.kind == PathRewrite::Kind::kNone) return;
  const auto old = head.path();
  const auto parts = split_path(old);
  std::string path;
  if (rewrite.kind == PathRewrite::Kind::kFormat) {
    rewrite.format->append(info, "", path);
    if (path.empty()) return;
  } else {
    path = rewritten(rewrite, route.match.path, parts.path);
  }
  if (parts.has_query) path.append("?").append(parts.query);
  if (keep_original) head.set(HeaderId::kXEnvoyOriginalPath, old);
  head.set(HeaderId::kPath, path);
}

void rewrite_host_to(std::string_view host, bool append_x_forwarded_host, HeaderMap& head) {
  if (host.empty()) return;
  if (append_x_forwarded_host) append_forwarded_host(head);
  head.set(HeaderId::kXEnvoyOriginalHost, head.authority());
  head.set(HeaderId::kAuthority, host);
}

void rewrite_host(const HostRewrite& rewrite, HeaderMap& head, const ExchangeInfo& info) {
  switch (rewrite.kind) {
    case HostRewrite::Kind::kNone:
    case HostRewrite::Kind::kAuto: return;
    case HostRewrite::Kind::kLiteral:
      rewrite_host_to(rewrite.value, rewrite.append_x_forwarded_host, head);
      return;
    case HostRewrite::Kind::kHeader:
      if (const auto value = head.get(rewrite.value))
        rewrite_host_to(*value, rewrite.append_x_forwarded_host, head);
      return;
    case HostRewrite::Kind::kPathRegex: {
      const auto host = rewrite.regex.replace_all(split_path(head.path()).path, rewrite.value);
      rewrite_host_to(host, rewrite.append_x_forwarded_host, head);
      return;
    }
    case HostRewrite::Kind::kFormat: {
      std::string host;
      rewrite.format->append(info, "-", host);
      rewrite_host_to(host, rewrite.append_x_forwarded_host, head);
      return;
    }
  }
}

std::string redirect_location(const Route& route, const HeaderMap& head) {
  const auto& redirect = *route.redirect;
  const auto old_scheme = head.value_of(HeaderId::kScheme);
  const std::string_view scheme = redirect.https            ? "https"
                                  : redirect.scheme.empty() ? old_scheme
                                                            : std::string_view(redirect.scheme);
  const auto old_host = head.authority();
  std::string location(scheme);
  location += "://";
  location += redirect.host.empty() ? without_port(old_host) : std::string_view(redirect.host);
  if (redirect.port != 0) {
    location += ':' + std::to_string(redirect.port);
  } else if (redirect.host.empty() &&
             !(scheme != old_scheme && is_default_port(port_part(old_host), old_scheme))) {
    location += port_part(old_host);
  }
  const auto parts = split_path(head.path());
  const auto path = rewritten(redirect.path, route.match.path, parts.path);
  location += path;
  const bool own_query =
      redirect.path.kind == PathRewrite::Kind::kWhole && path.find('?') != std::string::npos;
  if (parts.has_query && !own_query && !redirect.strip_query) location.append("?").append(parts.query);
  return location;
}

}  // namespace remora
