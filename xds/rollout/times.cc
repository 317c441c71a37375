#include "rollout/times.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace remora::rollout {
namespace {

/// Reads `size` digits at the front of `text` into `out`.
bool take_digits(std::string_view& text, size_t size, int& out) {
  if (text.size() < size) return false;
  const auto [end, code] = std::from_chars(text.data(), text.data() + size, out);
  if (code != std::errc() || end != text.data() + size) return false;
  text.remove_prefix(size);
  return true;
}

bool take_char(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string format_time(Time time, bool precise) {
  if (time == kNever) return "";
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 48> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()));
  std::string result(text.data(), static_cast<size_t>(size));
  if (precise) {
    std::snprintf(text.data(), text.size(), ".%03d", static_cast<int>(clock.subseconds().count()));
    result += text.data();
  }
  return result + 'Z';
}

Time parse_time(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  const bool good = take_digits(text, 4, year) && take_char(text, '-') && take_digits(text, 2, month) &&
                    take_char(text, '-') && take_digits(text, 2, day) && take_char(text, 'T') &&
                    take_digits(text, 2, hour) && take_char(text, ':') && take_digits(text, 2, minute) &&
                    take_char(text, ':') && take_digits(text, 2, second);
  if (!good) return kNever;
  int millis = 0;
  if (take_char(text, '.') && !take_digits(text, 3, millis)) return kNever;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return kNever;
  return Time(std::chrono::sys_days(date).time_since_epoch()) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) + std::chrono::milliseconds(millis);
}

}  // namespace remora::rollout
