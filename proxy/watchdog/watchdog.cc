#include "watchdog/watchdog.h"

#include <pthread.h>

#include <algorithm>
#include <cmath>

#include "log.h"

namespace remora {
namespace {

enum DogStat : size_t { kMiss, kMegaMiss };
constexpr StatDef kDog[] = {{"watchdog_miss"}, {"watchdog_mega_miss"}};

ScopeName scope_of(const std::string& prefix) {
  std::string flat = prefix;
  std::ranges::replace(flat, '.', '_');
  return {.prefix = prefix + ".", .prometheus_prefix = "envoy_" + flat + "_", .tags = {}};
}

bool beyond(Milliseconds still, Milliseconds limit) { return limit.count() > 0 && still > limit; }

}  // namespace

Watchdog::Watchdog(const std::string& group, const WatchdogSettings& settings, StatsStore& stats, End end)
    : settings_(settings),
      stats_(stats),
      end_(std::move(end)),
      group_(stats.make_scope(kDog, scope_of(group))) {}

WatchedThread& Watchdog::watch(const std::string& name, MonotonicTime now) {
  auto scope = stats_.make_scope(kDog, scope_of("server." + name));
  dogs_.push_back({.thread = std::make_unique<WatchedThread>(name), .stats = std::move(scope)});
  dogs_.back().thread->touch(now);
  return *dogs_.back().thread;
}

Milliseconds Watchdog::interval() const {
  auto least = std::min(settings_.miss, settings_.megamiss);
  for (const auto limit : {settings_.kill, settings_.multikill}) {
    if (limit.count() > 0) least = std::min(least, limit);
  }
  return std::max(least, Milliseconds(2));
}

void Watchdog::look(MonotonicTime now, MonotonicTime floor) {
  size_t stuck = 0;
  for (Dog& dog : dogs_) {
    const auto since = std::max(dog.thread->touched(), floor);
    const auto still = std::chrono::duration_cast<Milliseconds>(now - since);
    judge(dog, still);
    if (beyond(still, settings_.multikill)) ++stuck;
    end_if_stuck(dog, still, stuck);
  }
}

void Watchdog::judge(Dog& dog, Milliseconds still) {
  const auto& name = dog.thread->name();
  if (still <= settings_.miss) {
    if (std::exchange(dog.mega_missed, false)) log_warn("main", "thread {} goes on", name);
    dog.missed = false;
    return;
  }
  if (!std::exchange(dog.missed, true)) {
    count(dog, kMiss);
    log_info("main", "thread {} has stood still for {} ms", name, still.count());
  }
  if (still > settings_.megamiss && !std::exchange(dog.mega_missed, true)) {
    count(dog, kMegaMiss);
    log_warn("main", "thread {} has stood still for {} ms", name, still.count());
  }
}

void Watchdog::count(const Dog& dog, size_t stat) {
  group_->block(0).add(stat);
  dog.stats->block(0).add(stat);
}

/// Each look ends the process once at the most: it does not come back from that.
void Watchdog::end_if_stuck(const Dog& dog, Milliseconds still, size_t stuck) {
  if (beyond(still, settings_.kill)) {
    end_("thread " + dog.thread->name() + " has stood still for longer than kill_timeout");
    return;
  }
  if (!beyond(still, settings_.multikill)) return;
  const auto part = std::ceil(settings_.multikill_part * static_cast<double>(dogs_.size()));
  if (stuck == std::max<size_t>(2, static_cast<size_t>(part)))
    end_(std::to_string(stuck) + " threads (" + dog.thread->name() +
         " and others) have stood still for longer than multikill_timeout");
}

GuardThread::GuardThread(std::vector<std::unique_ptr<Watchdog>> dogs) : dogs_(std::move(dogs)) {
  interval_ = (*std::ranges::min_element(dogs_, {}, &Watchdog::interval))->interval();
}

void GuardThread::start() {
  last_look_ = floor_ = std::chrono::steady_clock::now();
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "guard");
}

void GuardThread::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void GuardThread::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, interval_, [this] { return stopping_; }))
    look(std::chrono::steady_clock::now());
}

void GuardThread::look(MonotonicTime now) {
  if (now - std::exchange(last_look_, now) > 2 * interval_) floor_ = now;
  for (const auto& dog : dogs_) dog->look(now, floor_);
}

}  // namespace remora
