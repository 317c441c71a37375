#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "remora/core/clock.h"
#include "remora/core/result.h"

namespace remora {

/// A calendar time's text, compiled: strftime's specifiers, and %s (seconds since the epoch), %f and %1f..%9f
/// (fraction of the second), %E1S..%E9S (seconds with a fraction). Immutable, any thread. Source: Envoy,
/// %START_TIME%.
class TimeFormat {
 public:
  /// Error: a line break, which would break a log line or a header.
  static Result<TimeFormat> parse(std::string_view text);

  /// Appends the time in UTC, or in the process's time zone.
  void append(WallTime time, bool local, std::string& out) const;

 private:
  struct Part {
    enum class Kind : uint8_t { kCalendar, kEpoch, kFraction } kind = Kind::kCalendar;
    std::string text;     // kCalendar: for strftime
    uint32_t digits = 9;  // kFraction
  };
  void add_calendar(std::string_view text);

  std::vector<Part> parts_;
};

/// "2026-11-21T03:04:05.678Z": the default of %START_TIME%, written without strftime.
void append_iso_time(WallTime time, std::string& out);

}  // namespace remora
