#include "store/event_log.h"

#include <algorithm>
#include <utility>

namespace remora::store {

void EventLog::forget_until(uint64_t version) {
  version_ = std::max(version_, version);
  forgotten_ = version_;
}

void EventLog::add(uint64_t version, Event event) {
  version_ = version;
  history_.push_back({version, event});
  undelivered_.push_back({version, std::move(event)});
  if (history_.size() > remembered_) {
    forgotten_ = history_.front().version;
    history_.pop_front();
  }
  deliver();
}

/// Events go out in their order, also those that a callback causes: they wait for their turn.
void EventLog::deliver() {
  if (delivering_) return;
  delivering_ = true;
  while (!undelivered_.empty()) {
    const Entry entry = std::move(undelivered_.front());
    undelivered_.pop_front();
    for (auto place = watchers_.begin(); place != watchers_.end();) {
      const auto watcher = place->lock();
      if (watcher == nullptr) {
        place = watchers_.erase(place);
        continue;
      }
      ++place;
      if (entry.version > watcher->after && watcher->wants(entry.event)) watcher->on_event(entry.event);
    }
  }
  delivering_ = false;
}

ObjectStore::Watch EventLog::watch(const std::string& type, uint64_t from, ObjectStore::OnEvent on_event) {
  if (from < forgotten_ || from > version_) return nullptr;
  auto watcher = std::make_shared<Watcher>(Watcher{type, version_, std::move(on_event)});
  watchers_.push_back(watcher);
  // What waits for delivery is in the history, too, and is told from there. What the callback causes waits.
  const bool inside = std::exchange(delivering_, true);
  const std::deque<Entry> past = history_;
  for (const Entry& entry : past) {
    if (entry.version > from && watcher->wants(entry.event)) watcher->on_event(entry.event);
  }
  delivering_ = inside;
  deliver();
  return watcher;
}

}  // namespace remora::store
