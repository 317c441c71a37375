#include "core/time_format.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <utility>

#include "core/format_read.h"

namespace remora {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;

struct SplitTime {
  explicit SplitTime(WallTime time)
      : second(floor<seconds>(time)),
        nanoseconds(static_cast<uint32_t>(std::chrono::nanoseconds(time - second).count())) {}
  std::chrono::sys_seconds second;
  uint32_t nanoseconds;
};

// gmtime_r takes a lock that all threads share; the calendar's arithmetic needs none.
std::tm utc_calendar(std::chrono::sys_seconds second) {
  const auto day = floor<days>(second);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(second - day);
  std::tm calendar{};
  calendar.tm_year = static_cast<int>(date.year()) - 1900;
  calendar.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  calendar.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  calendar.tm_hour = static_cast<int>(time.hours().count());
  calendar.tm_min = static_cast<int>(time.minutes().count());
  calendar.tm_sec = static_cast<int>(time.seconds().count());
  calendar.tm_wday = static_cast<int>(std::chrono::weekday(day).c_encoding());
  calendar.tm_yday = static_cast<int>((day - std::chrono::sys_days(date.year() / 1 / 1)).count());
  calendar.tm_zone = "UTC";
  return calendar;
}

std::tm local_calendar(std::chrono::sys_seconds second) {
  const std::time_t epoch = second.time_since_epoch().count();
  std::tm calendar{};
  localtime_r(&epoch, &calendar);
  return calendar;
}

void append_padded(uint64_t number, size_t width, std::string& out) {
  const size_t begin = out.size();
  append_number(number, out);
  if (const size_t length = out.size() - begin; length < width) out.insert(begin, width - length, '0');
}

void append_fraction(uint32_t nanoseconds, uint32_t digits, std::string& out) {
  const size_t begin = out.size();
  append_padded(nanoseconds, 9, out);
  out.resize(begin + digits);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Wformat-nonliteral"  // the format is the operator's; strftime writes only to `text`
void append_calendar(const std::string& format, const std::tm& calendar, std::string& out) {
  std::array<char, 256> text;
  out.append(text.data(), std::strftime(text.data(), text.size(), format.c_str(), &calendar));
}
#pragma GCC diagnostic pop

bool is_width(char c) { return c >= '1' && c <= '9'; }

}  // namespace

void TimeFormat::add_calendar(std::string_view text) {
  if (parts_.empty() || parts_.back().kind != Part::Kind::kCalendar) parts_.emplace_back();
  parts_.back().text.append(text);
}

Result<TimeFormat> TimeFormat::parse(std::string_view text) {
  TimeFormat format;
  while (!text.empty()) {
    if (text[0] != '%') {
      const size_t plain = std::min(text.find('%'), text.size());
      format.add_calendar(text.substr(0, plain));
      text.remove_prefix(plain);
      continue;
    }
    const auto at = [text](size_t i) { return i < text.size() ? text[i] : '\0'; };
    // A specifier ends with its first letter that is no modifier.
    const size_t end = std::min(text.find_first_not_of("-_0^#EO123456789", 1), text.size() - 1);
    if (text[end] == 'n') return Error{"a time must not contain a line break (%n)"};
    if (at(1) == 's') {
      format.parts_.push_back({Part::Kind::kEpoch, "", 0});
      text.remove_prefix(2);
    } else if (at(1) == 'f' || (is_width(at(1)) && at(2) == 'f')) {
      format.parts_.push_back(
          {Part::Kind::kFraction, "", at(1) == 'f' ? 9u : static_cast<uint32_t>(at(1) - '0')});
      text.remove_prefix(at(1) == 'f' ? 2 : 3);
    } else if (at(1) == 'E' && is_width(at(2)) && at(3) == 'S') {
      format.add_calendar("%S.");
      format.parts_.push_back({Part::Kind::kFraction, "", static_cast<uint32_t>(at(2) - '0')});
      text.remove_prefix(4);
    } else {
      format.add_calendar(text.substr(0, end + 1));
      text.remove_prefix(end + 1);
    }
  }
  return format;
}

void TimeFormat::append(WallTime time, bool local, std::string& out) const {
  const SplitTime split(time);
  const std::tm calendar = local ? local_calendar(split.second) : utc_calendar(split.second);
  for (const Part& part : parts_) {
    switch (part.kind) {
      case Part::Kind::kCalendar: append_calendar(part.text, calendar, out); break;
      case Part::Kind::kEpoch:
        append_number(static_cast<uint64_t>(split.second.time_since_epoch().count()), out);
        break;
      case Part::Kind::kFraction: append_fraction(split.nanoseconds, part.digits, out); break;
    }
  }
}

void append_iso_time(WallTime time, std::string& out) {
  const SplitTime split(time);
  const std::tm calendar = utc_calendar(split.second);
  append_padded(static_cast<uint64_t>(calendar.tm_year + 1900), 4, out);
  const std::pair<char, int> fields[] = {{'-', calendar.tm_mon + 1},
                                         {'-', calendar.tm_mday},
                                         {'T', calendar.tm_hour},
                                         {':', calendar.tm_min},
                                         {':', calendar.tm_sec}};
  for (const auto& [separator, value] : fields) {
    out += separator;
    append_padded(static_cast<uint64_t>(value), 2, out);
  }
  out += '.';
  append_fraction(split.nanoseconds, 3, out);
  out += 'Z';
}

}  // namespace remora
