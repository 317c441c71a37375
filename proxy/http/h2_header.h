#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "http/h1_head.h"
#include "http/h2_settings.h"
#include "remora/http/header_map.h"

namespace remora {

/// Between HTTP/2's field sections and HeaderMaps, in which a message looks the same whatever carried it:
/// cookies in one field, the host in :authority, an extended CONNECT (RFC 8441) as HTTP/1's upgrade. What
/// RFC 9113 forbids on the wire is nghttp2's to refuse; here is what a proxy adds to that.

/// Gathers one field section as it is decoded, within limits that count decoded bytes: a few bytes on the
/// wire may name many.
class H2SectionReader {
 public:
  void start(HeaderMap& map);
  /// False if the section is too large now.
  bool add(std::string_view name, std::string_view value, const HeadLimits& limits);
  /// The section is complete: the crumbs of cookies become one field.
  void finish();

 private:
  HeaderMap* map_ = nullptr;
  std::string cookie_;
  size_t bytes_ = 0;
  size_t crumbs_ = 0;
};

/// Brings a request's head into the form that HTTP/1 heads have: host in :authority, an extended CONNECT as
/// `GET` with `upgrade` and `connection` (`upgrade` is set then). Says what is wrong with it, if anything.
HeadError admit_h2_request(HeaderMap& head, bool& upgrade);
/// A trailer section must not carry what frames or routes a message.
bool are_valid_h2_trailers(const HeaderMap& trailers);

/// True for fields of one HTTP/1 connection, which HTTP/2 has no room for (RFC 9113 section 8.2.2).
bool is_connection_field(const HeaderMap::Field& field);

}  // namespace remora
