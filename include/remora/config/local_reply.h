#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "remora/config/access_log.h"
#include "remora/config/route.h"

namespace remora {

/// A body with %OPERATORS%, as text or as a JSON object. Immutable.
/// Source: envoy.config.core.v3.SubstitutionFormatString.
struct BodyFormat {
  bool json = false;
  Format text;               // !json
  JsonTemplate json_format;  // json; ends with a new line
  std::string content_type;  // never empty

  void append(const ExchangeInfo& info, std::string& out) const;
};

/// What becomes of some of the proxy's own answers. Source:
/// envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper.
struct LocalReplyMapper {
  AccessLogFilter filter;                 // which ones, by what their log would say
  std::optional<uint16_t> status;         // instead of the answer's
  std::optional<std::string> body;        // the same; %LOCAL_REPLY_BODY% of the format
  HeaderMutations headers;                // they see the status that the answer had before
  std::optional<BodyFormat> body_format;  // instead of the config's
};

/// What the proxy's own answers look like. Immutable, shared by all workers. Source: LocalReplyConfig, as
/// above.
struct LocalReplyConfig {
  std::vector<LocalReplyMapper> mappers;  // the first whose filter takes the answer counts
  std::optional<BodyFormat> body_format;  // absent: bodies as they are
};

}  // namespace remora
