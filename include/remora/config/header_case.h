#pragma once

#include <cstdint>

namespace remora {

/// How HTTP/1 names are written and kept by the codec of one side. Source:
/// envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat,
/// envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig.
struct HeaderCase {
  enum class Style : uint8_t {
    kLower,
    kProper,  ///< Content-Type: upper case after whatever is neither letter nor digit
  };
  Style style = Style::kLower;  ///< of heads whose names nobody kept as they were spelled
  bool preserve = false;        ///< names that are read here are written on the other side as they came
  Style added = Style::kLower;  ///< preserve: of names that were not read, but added
  bool keep_reason = false;     ///< preserve: the reason phrase goes on as it came, too
  bool operator==(const HeaderCase&) const = default;
};

}  // namespace remora
