#include "http/h2_header.h"

#include <algorithm>

#include "http/syntax.h"

namespace remora {
namespace {

constexpr std::string_view kProtocolField = ":protocol";

// nghttp2 has checked the form; a fragment never belongs into a request, and what is not visible ASCII would
// not survive HTTP/1.
bool is_valid_path(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
}

void take_host(HeaderMap& head) {
  const auto host = head.get(HeaderId::kHost);
  if (!host) return;
  if (!head.has(HeaderId::kAuthority)) head.set(HeaderId::kAuthority, *host);
  head.remove(HeaderId::kHost);
}

void make_upgrade(HeaderMap& head, std::string_view protocol) {
  head.set(HeaderId::kMethod, "GET");
  head.set(HeaderId::kUpgrade, protocol);
  head.set(HeaderId::kConnection, "upgrade");
  head.remove(kProtocolField);
}

}  // namespace

void H2SectionReader::start(HeaderMap& map) {
  map_ = &map;
  map.clear();
  cookie_.clear();
  bytes_ = crumbs_ = 0;
}

bool H2SectionReader::add(std::string_view name, std::string_view value, const HeadLimits& limits) {
  if (name == "cookie") {
    if (crumbs_++ > 0) cookie_ += "; ";
    if (crumbs_ > H2Settings::kMaxCookieCrumbs || cookie_.size() + value.size() > limits.max_bytes)
      return false;
    cookie_ += value;
    return true;
  }
  bytes_ += name.size() + value.size();
  if (bytes_ > limits.max_bytes || map_->size() >= limits.max_fields) return false;
  map_->add(name, value);
  return true;
}

void H2SectionReader::finish() {
  if (crumbs_ > 0) map_->add(HeaderId::kCookie, cookie_);
}

HeadError admit_h2_request(HeaderMap& head, bool& upgrade) {
  take_host(head);
  upgrade = false;
  if (!is_valid_authority(head.authority())) return {400, "http2.invalid_authority"};
  const bool connect = head.method() == "CONNECT";
  const auto protocol = head.get(kProtocolField);
  if (connect && !protocol) return {};
  if (!is_token(head.method())) return {400, "http2.invalid_method"};
  if (!is_valid_path(head.path())) return {400, "http2.invalid_path"};
  const auto scheme = head.value_of(HeaderId::kScheme);
  if (scheme != "http" && scheme != "https") return {400, "http2.invalid_scheme"};
  if (protocol) {
    if (!is_token(*protocol)) return {400, "http2.invalid_protocol"};
    upgrade = true;
    make_upgrade(head, *protocol);
  }
  return {};
}

bool are_valid_h2_trailers(const HeaderMap& trailers) {
  return !trailers.has(HeaderId::kContentLength) && !trailers.has(HeaderId::kHost) &&
         !trailers.has(HeaderId::kTrailer);
}

bool is_connection_field(const HeaderMap::Field& field) {
  switch (field.id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
    case HeaderId::kHost: return true;
    case HeaderId::kTe: return field.value != "trailers";
    default: return false;
  }
}

}  // namespace remora
