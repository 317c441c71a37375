#pragma once

#include <string_view>

#include "http/h1_head.h"

// The fields of an HTTP/1 head, after its start line: from bytes into the map, and what those that are about
// the message itself or about this hop decide.
namespace remora {

/// Cuts the next line (without CRLF) off `rest`. The scanner has made sure that every line ends in CRLF.
std::string_view next_line(std::string_view& rest);

/// Host fields of a request: they become :authority and never enter the map.
struct Hosts {
  size_t count = 0;
  std::string_view value;
};

/// All fields up to the empty line, their names in lower case.
HeadError parse_fields(std::string_view rest, const HeadLimits& limits, HeaderMap& headers,
                       Hosts* hosts = nullptr);

/// Keeps how the names of a head's fields are spelled, and its reason phrase, where `rules` say so. `head`:
/// the whole of what has been parsed, its start line included.
void keep_spellings(std::string_view head, const HeaderCase& rules, HeaderMap& headers);

/// Content-Length and Transfer-Encoding into one decision. `chunked` and `length` tell what was there.
struct BodyFields {
  bool chunked = false;
  bool has_length = false;
  uint64_t length = 0;
};

HeadError read_body_fields(HeaderMap& headers, uint8_t minor_version, BodyFields& body);

/// What the Connection header says, and which fields it takes away with it.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

HeadError read_connection(HeaderMap& headers, ConnectionOptions& options);

/// Fields that belong to one hop only. `te: trailers` survives: gRPC needs it end to end.
void strip_hop_by_hop(HeaderMap& headers, bool keep_upgrade);

}  // namespace remora
