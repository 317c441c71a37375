#include "kubernetes/event_series.h"

#include <algorithm>

namespace remora::kubernetes {
namespace {

constexpr size_t kMostSeries = 4096;
constexpr size_t kMostMessages = 10;
constexpr std::chrono::minutes kFamilyLife{10};
constexpr double kBurst = 25;
constexpr std::chrono::duration<double> kRefill = std::chrono::minutes(5);
constexpr size_t kLongestMessage = 1024;

/// Cut where a character begins.
std::string shortened(std::string text) {
  if (text.size() <= kLongestMessage) return text;
  constexpr unsigned kContinuation = 0x80;
  constexpr unsigned kMask = 0xC0;
  size_t end = kLongestMessage - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & kMask) == kContinuation) --end;
  return text.substr(0, end) + "...";
}

template <typename Map, typename Old>
void forget(Map& map, Old old) {
  if (map.size() < kMostSeries) return;
  std::erase_if(map, old);
  if (map.size() >= kMostSeries) map.clear();
}

}  // namespace

std::optional<std::string> EventSeriesTable::add(const EventAbout& about, bool warning,
                                                 const std::string& reason, const std::string& message,
                                                 Time now) {
  make_room(now);
  const std::string object = about.kind + '\n' + about.ns + '\n' + about.name + '\n' + about.uid;
  std::string told = shortened(message);
  const std::string key = key_of(object + (warning ? "\nW\n" : "\nN\n") + reason, told, now, told);
  EventSeries& series = series_[key];
  if (series.count == 0) {
    series.about = about;
    series.warning = warning;
    series.reason = reason;
    series.first = now;
  }
  series.message = std::move(told);
  series.last = now;
  ++series.count;
  return may_write(object, now) ? std::optional(key) : std::nullopt;
}

EventSeries* EventSeriesTable::find(const std::string& key) {
  const auto found = series_.find(key);
  return found == series_.end() ? nullptr : &found->second;
}

/// The message alone, or what it shares with others: then `told` says so.
std::string EventSeriesTable::key_of(const std::string& family, const std::string& message, Time now,
                                     std::string& told) {
  Family& known = families_[family];
  if (known.last + kFamilyLife < now) known.messages.clear();
  known.last = now;
  if (known.messages.size() < kMostMessages) known.messages.insert(message);
  if (known.messages.size() < kMostMessages) return family + '\n' + message;
  told = shortened("(combined from similar events): " + message);
  return family;
}

bool EventSeriesTable::may_write(const std::string& object, Time now) {
  const auto [place, fresh] = allowances_.try_emplace(object, Allowance{kBurst, now});
  Allowance& allowance = place->second;
  const std::chrono::duration<double> passed = now - allowance.at;
  allowance.writes = std::clamp(allowance.writes + passed / kRefill, 0.0, kBurst);
  allowance.at = now;
  if (allowance.writes < 1) return false;
  allowance.writes -= 1;
  return true;
}

void EventSeriesTable::make_room(Time now) {
  const auto old = now - kFamilyLife;
  forget(series_, [&](const auto& entry) { return entry.second.last < old; });
  forget(families_, [&](const auto& entry) { return entry.second.last < old; });
  forget(allowances_, [&](const auto& entry) { return entry.second.at < old; });
}

}  // namespace remora::kubernetes
