#include "upstream_tries.h"

#include <algorithm>

namespace remora {

void UpstreamTries::let_go_on() {
  slow_.push_back(current_);
  current_ = &unused();
}

UpstreamTry& UpstreamTries::unused() {
  if (!is_slow(first_)) return first_;
  for (const auto& one : more_) {
    if (!is_slow(*one)) return *one;
  }
  return *more_.emplace_back(std::make_unique<UpstreamTry>(owner_));
}

bool UpstreamTries::is_slow(const UpstreamTry& one) const {
  return std::find(slow_.begin(), slow_.end(), &one) != slow_.end();
}

size_t UpstreamTries::active() const { return slow_.size() + (current_->active() ? 1 : 0); }

bool UpstreamTries::others_wait(const UpstreamTry& one) const {
  const auto waits = [&](const UpstreamTry* other) { return other != &one && other->active(); };
  return waits(current_) || std::any_of(slow_.begin(), slow_.end(), waits);
}

void UpstreamTries::drop(UpstreamTry& one) {
  std::erase(slow_, &one);
  one.abandon();
}

void UpstreamTries::keep_only(UpstreamTry& winner) {
  if (slow_.empty()) return;
  if (&winner != current_) {
    current_->abandon();
    current_ = &winner;
  }
  std::erase(slow_, &winner);
  while (!slow_.empty()) drop(*slow_.back());
}

void UpstreamTries::abandon() {
  current_->abandon();
  while (!slow_.empty()) drop(*slow_.back());
}

void UpstreamTries::clear() {
  first_.clear();
  for (const auto& one : more_) one->clear();
}

}  // namespace remora
