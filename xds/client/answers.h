#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>

#include "client/resource_types.h"
#include "client/token_bucket.h"
#include "remora/core/clock.h"

namespace remora::xds {

/// What a client of a management server has yet to say on its stream, in order: questions, ACKs, and NACKs at
/// a bounded rate for each type, so that a server that repeats what was refused makes no storm.
class Answers {
 public:
  struct Answer {
    ResourceType type;
    std::string nonce;                 // of the response that is answered; "": a question
    std::optional<std::string> error;  // NACK
  };

  void ask(ResourceType type) {
    for (const Answer& pending : pending_) {
      if (pending.type == type) return;  // it will be said with this one
    }
    pending_.push_back({type, {}, std::nullopt});
  }
  void accept(ResourceType type, std::string nonce) {
    pending_.push_back({type, std::move(nonce), std::nullopt});
  }
  /// False: it has to wait for next_deadline().
  bool refuse(ResourceType type, std::string nonce, std::string error, MonotonicTime now) {
    Answer answer{type, std::move(nonce), std::move(error)};
    if (nacks_[index_of(type)].take(now)) {
      pending_.push_back(std::move(answer));
      return true;
    }
    held(type) = std::move(answer);  // in place of an older one: the last says what is wrong now
    return false;
  }
  /// Nothing that waits to be said of this type is worth saying any more.
  void forget(ResourceType type) {
    held(type).reset();
    std::erase_if(pending_, [&](const Answer& pending) { return pending.type == type; });
  }
  void clear() {
    pending_.clear();
    for (auto& answer : held_) answer.reset();
  }

  std::optional<Answer> next() {
    if (pending_.empty()) return std::nullopt;
    Answer answer = std::move(pending_.front());
    pending_.pop_front();
    return answer;
  }
  /// The server answers faster than it listens: it is not read from until it has heard what is to be said.
  [[nodiscard]] bool is_behind() const { return pending_.size() > kMost; }

  void on_time(MonotonicTime now) {
    for (const ResourceType type : kResourceTypes) {
      TokenBucket& tokens = nacks_[index_of(type)];
      if (held(type) && tokens.next() <= now && tokens.take(now)) {
        pending_.push_back(std::move(*held(type)));
        held(type).reset();
      }
    }
  }
  [[nodiscard]] MonotonicTime next_deadline() const {
    MonotonicTime next = MonotonicTime::max();
    for (const ResourceType type : kResourceTypes) {
      if (held_[index_of(type)]) next = std::min(next, nacks_[index_of(type)].next());
    }
    return next;
  }

  static constexpr size_t kMost = 100;

 private:
  static constexpr double kNackBurst = 5;

  std::optional<Answer>& held(ResourceType type) { return held_[index_of(type)]; }

  std::deque<Answer> pending_;
  std::optional<Answer> held_[kResourceTypeCount];
  TokenBucket nacks_[kResourceTypeCount] = {
      TokenBucket{kNackBurst}, TokenBucket{kNackBurst}, TokenBucket{kNackBurst}, TokenBucket{kNackBurst},
      TokenBucket{kNackBurst}, TokenBucket{kNackBurst}, TokenBucket{kNackBurst}};
};

}  // namespace remora::xds
