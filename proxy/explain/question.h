#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "remora/config/metadata.h"
#include "remora/core/address.h"
#include "remora/core/result.h"
#include "remora/http/filter_state.h"
#include "remora/http/header_map.h"
#include "remora/http/tls_info.h"

namespace remora::explain {

/// The request that somebody asks about. Whoever reads it bounds the text; here lists and values have bounds
/// of their own.
struct Question {
  std::string listener;                  ///< by name; "": found by the destination
  std::optional<Address> destination;    ///< where the client wants to go
  std::optional<std::string> direction;  ///< "INBOUND" or "OUTBOUND": which listener takes redirected ones
  Address source;                        ///< 127.0.0.1, unless said otherwise
  bool tls = false;
  std::string server_name;
  std::vector<std::string> application_protocols;
  bool http2 = false;
  HeaderMap head;            ///< with its pseudo headers
  Metadata metadata;         ///< as if filters had found it out
  FilterState filter_state;  ///< as if filters had left it
  TlsInfo tls_info;          ///< what TLS said of the client, where there is TLS
  uint64_t random = 0;       ///< runtime_fraction and weighted clusters
  size_t most_routes = 100;  ///< how many earlier routes to tell of
  size_t most_endpoints = 100;
};

/// JSON. Errors name the field: "headers[2].name: ...".
Result<Question> parse_question(std::string_view text);

}  // namespace remora::explain
