#include "kube/age.h"

#include <cstdint>
#include <ctime>

namespace remora::kube {
namespace {

/// "5m10s", and "5m" where nothing is left over.
std::string two(int64_t big, const char* unit, int64_t small, const char* small_unit) {
  std::string text = std::to_string(big) + unit;
  if (small > 0) text += std::to_string(small) + small_unit;
  return text;
}

}  // namespace

std::string age(std::string_view timestamp, std::chrono::system_clock::time_point now) {
  std::tm time{};
  const char* rest = ::strptime(std::string(timestamp).c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (rest == nullptr) return "<unknown>";
  const int64_t seconds = std::chrono::system_clock::to_time_t(now) - ::timegm(&time);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return std::to_string(seconds) + "s";
  const int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (hours < 3) return std::to_string(minutes) + "m";
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return std::to_string(hours) + "h";
  if (days < 8) return two(days, "d", hours % 24, "h");
  if (days < 2 * 365) return std::to_string(days) + "d";
  if (days < 8 * 365) return two(days / 365, "y", days % 365, "d");
  return std::to_string(days / 365) + "y";
}

}  // namespace remora::kube
