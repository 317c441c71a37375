#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace remora::rollout {

/// A moment of the wall clock, since it must keep its meaning over a restart.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Before everything: "never", "not set".
inline constexpr Time kNever{};

/// RFC 3339 in UTC: "2026-11-21T06:20:00Z", with milliseconds where `precise`. Empty for kNever.
std::string format_time(Time time, bool precise = false);
/// kNever where it is no such text.
Time parse_time(std::string_view text);

}  // namespace remora::rollout
