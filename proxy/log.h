#pragma once

#include <spdlog/fmt/fmt.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "remora/core/result.h"

namespace remora {

/// The process' own log (stderr or --log-path), by component, with Envoy's level names and line format.
/// Thread-safe. Not for requests: those have access logs.
enum class LogLevel : uint8_t { kTrace, kDebug, kInfo, kWarning, kError, kCritical, kOff };

/// `format`: Envoy's --log-format; "" for the default. Call once, before threads start.
Result<void> start_log(std::string_view level, std::string_view component_levels, std::string_view path,
                       std::string_view format);
/// "" for all components. Errors: unknown component or level.
Result<void> set_log_level(std::string_view component, std::string_view level);
/// Ordered by component.
std::vector<std::pair<std::string, std::string>> log_levels();
void reopen_log();

[[nodiscard]] bool log_enabled(std::string_view component, LogLevel level);
void log_line(std::string_view component, LogLevel level, std::string_view text);

template <typename... Args>
void log_at(std::string_view component, LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(component, level))
    log_line(component, level, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_debug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  log_at(component, LogLevel::kDebug, format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  log_at(component, LogLevel::kInfo, format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_warn(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  log_at(component, LogLevel::kWarning, format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_error(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  log_at(component, LogLevel::kError, format, std::forward<Args>(args)...);
}

}  // namespace remora
