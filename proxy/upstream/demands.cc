#include "upstream/demands.h"

#include <algorithm>
#include <utility>

namespace remora {

struct Demands::Waiter final : public Disposable {
  Waiter(Demands& all, uint64_t number, DemandKey wanted, Done call)
      : demands(all),
        id(number),
        key(std::move(wanted)),
        done(std::move(call)),
        timer(timer_calls<&Waiter::on_time>, this) {}
  void on_time() { demands.finish(id, result); }

  Demands& demands;
  uint64_t id;
  DemandKey key;
  Done done;
  DemandResult result = DemandResult::kTimeout;  // when the time is over
  Timer timer;
};

Demands::Demands(Reactor& reactor) : reactor_(reactor) {}

Demands::~Demands() = default;

uint64_t Demands::add(Demand demand, Milliseconds timeout, Done done) {
  const bool room = waiting_.size() < kMostWaiting;
  const bool nobodys = !ask_ || demand.key.name.empty() || demand.key.name.size() > kLongestName;
  auto& waiter = waiting_[++last_id_];
  waiter = std::make_unique<Waiter>(*this, last_id_, demand.key, std::move(done));
  if (!room || nobodys) {
    waiter->result = room ? DemandResult::kMissing : DemandResult::kOverflow;
    reactor_.arm(waiter->timer, Milliseconds(0));
    return last_id_;
  }
  reactor_.arm(waiter->timer, timeout);
  Asked& asked = by_key_[demand.key];
  asked.ids.push_back(last_id_);
  if (asked.ids.size() == 1) asked.number = ask_(std::move(demand));
  return last_id_;
}

void Demands::cancel(uint64_t id) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  const auto of_key = by_key_.find(found->second->key);
  if (of_key != by_key_.end()) {
    std::erase(of_key->second.ids, id);
    if (of_key->second.ids.empty()) by_key_.erase(of_key);
  }
  found->second->timer.cancel();
  reactor_.dispose(std::move(found->second));
  waiting_.erase(found);
}

void Demands::finish(uint64_t id, DemandResult result) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  const auto done = std::move(found->second->done);
  cancel(id);
  done(result);
}

void Demands::settle(const std::vector<SettledDemand>& settled) {
  for (const auto& answer : settled) {
    const auto found = by_key_.find(answer.key);
    if (found == by_key_.end()) continue;
    if (!answer.found && answer.number < found->second.number) continue;
    // Those who are called may wait for the next thing, even for the same one again.
    const auto all = std::move(found->second.ids);
    by_key_.erase(found);
    for (const uint64_t id : all) finish(id, answer.found ? DemandResult::kFound : DemandResult::kMissing);
  }
}

void Demands::clear() {
  by_key_.clear();
  while (!waiting_.empty()) cancel(waiting_.begin()->first);
}

}  // namespace remora
