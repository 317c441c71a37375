#pragma once

#include <cstdint>
#include <string>

namespace remora::xds {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning };

/// Writes to the process log under the component "xds"; nothing if the process has none.
void log(LogLevel level, const std::string& text);

}  // namespace remora::xds
