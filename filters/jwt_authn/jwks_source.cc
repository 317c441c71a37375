#include "jwt_authn/jwks_source.h"

#include <algorithm>
#include <utility>

#include "remora/core/random.h"

namespace remora::filters {
namespace {

constexpr uint16_t kFound = 200;
/// So long before they grow old, keys that are fetched ahead are fetched again.
constexpr Milliseconds kAhead{5000};

}  // namespace

FreshJwks JwksRemote::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

void JwksRemote::keep(FreshJwks jwks) const {
  const std::lock_guard lock(mutex_);
  last_ = std::move(jwks);
}

void JwksSource::start(FilterWorker& worker) {
  if (remote_->config().ahead) fetch_ahead(worker);
}

void JwksSource::fetch_ahead(FilterWorker& worker) {
  const auto refresh = [weak = weak_from_this(), &worker] {
    if (const auto self = weak.lock()) self->fetch_ahead(worker);
  };
  const auto& config = remote_->config();
  const auto wait =
      config.cache_duration > 2 * kAhead ? config.cache_duration - kAhead : config.cache_duration;
  // Another worker may have been there a moment ago.
  if (auto last = remote_->last(); last.keys && last.until - worker.clock().now() >= wait) {
    fresh_ = std::move(last);
    worker.call_after(wait, refresh);
    return;
  }
  fetch(worker, [this, &worker, refresh, wait] {
    const bool good = keys(worker.clock().now()) != nullptr;
    worker.call_after(good ? wait : remote_->config().failed_refetch, refresh);
  });
}

const Jwks* JwksSource::keys(MonotonicTime now) {
  if (fresh_.keys && now < fresh_.until) return fresh_.keys.get();
  fresh_ = remote_->last();
  return fresh_.keys && now < fresh_.until ? fresh_.keys.get() : nullptr;
}

void JwksSource::fetch(FilterWorker& worker, std::function<void()> done) {
  waiting_.push_back(std::move(done));
  if (std::exchange(asking_, true)) return;
  retries_ = 0;
  ask(worker);
}

void JwksSource::ask(FilterWorker& worker) {
  worker.fetch(remote_->config().request, [weak = weak_from_this(), &worker](HttpFetched answer) {
    if (const auto self = weak.lock()) self->on_answer(worker, std::move(answer));
  });
}

void JwksSource::on_answer(FilterWorker& worker, HttpFetched answer) {
  const auto& config = remote_->config();
  const bool worth_a_retry = answer.status == 0 || answer.status >= 500;
  if (worth_a_retry && retries_ < config.retries) {
    const auto most =
        std::min(config.back_off_max, config.back_off_base * (int64_t{1} << std::min(retries_, 16U)));
    ++retries_;
    const auto range = static_cast<uint64_t>(std::max<int64_t>(most.count(), 1));
    const Milliseconds delay(static_cast<int64_t>(worker.random().next() % range));
    worker.call_after(delay, [weak = weak_from_this(), &worker] {
      if (const auto self = weak.lock()) self->ask(worker);
    });
    return;
  }
  remote_->stats(worker.shard()).add(take(worker, answer) ? kFetchSuccess : kFetchFailed);
  end_fetch();
}

bool JwksSource::take(FilterWorker& worker, const HttpFetched& answer) {
  if (answer.status != kFound) return false;
  auto parsed = Jwks::parse(answer.body);
  if (!parsed) return false;
  fresh_ = {std::move(*parsed), worker.clock().now() + remote_->config().cache_duration};
  remote_->keep(fresh_);
  return true;
}

void JwksSource::end_fetch() {
  asking_ = false;
  const auto self = shared_from_this();  // whoever goes on may let go of it
  for (auto& done : std::exchange(waiting_, {})) done();
}

}  // namespace remora::filters
