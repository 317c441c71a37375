#include "client/secret_sources.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "client/log.h"

namespace remora::xds {
namespace {

constexpr Milliseconds kLookForFolder{1000};

bool is_followed(SecretSource::Kind kind) { return kind == SecretSource::Kind::kServer; }

}  // namespace

SecretSources::SecretSources(Host host)
    : host_(std::move(host)),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

SecretSources::~SecretSources() {
  stop();
  close(wake_fd_);
}

void SecretSources::sync() {
  if (host_.store.secrets().sources_version() == seen_version_ || stopping_) return;
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wake();
}

void SecretSources::stop() {
  {
    const std::lock_guard lock(host_.mutex);
    stopping_ = true;
  }
  if (!thread_.joinable()) return;
  wake();
  thread_.join();
}

void SecretSources::run() {
  for (bool done = false; !done;) {
    MonotonicTime due;
    {
      const std::lock_guard lock(host_.mutex);
      const auto now = std::chrono::steady_clock::now();
      if (!stopping_) {
        follow_sources();
        reload_changed();
        if (host_.on_time && host_.next_deadline() <= now) host_.on_time(now);
      }
      tend_calls(now);
      done = stopping_ && subscriptions_.empty();
      due = next_due();
    }
    if (!done) wait(due);
  }
}

void SecretSources::follow_sources() {
  const SecretTable& secrets = host_.store.secrets();
  if (secrets.sources_version() == seen_version_) return;
  seen_version_ = secrets.sources_version();
  keys_of_folder_.clear();
  for (auto& [key, subscription] : subscriptions_) subscription.wanted = false;
  for (const auto& [key, entry] : secrets.table().entries()) {
    for (const std::string& folder : secrets.folders_of(key)) keys_of_folder_[folder].insert(key);
    const SecretSource* source = secrets.source_of(key);
    if (source != nullptr && is_followed(source->kind)) subscriptions_[key].wanted = true;
  }
  std::set<std::string> folders;
  for (const auto& [folder, keys] : keys_of_folder_) folders.insert(folder);
  folders_.follow(folders);
}

void SecretSources::reload_changed() {
  std::set<std::string> keys;
  for (const std::string& folder : folders_.take_changed()) {
    const auto& named = keys_of_folder_[folder];
    keys.insert(named.begin(), named.end());
  }
  if (keys.empty()) return;
  if (host_.store.reload_secrets(keys, std::chrono::system_clock::now())) host_.changed();
}

void SecretSources::tend_calls(MonotonicTime now) {
  for (auto next = subscriptions_.begin(); next != subscriptions_.end();) {
    auto& [key, subscription] = *next;
    const bool wanted = subscription.wanted && !stopping_;
    if (subscription.call && subscription.call->has_ended()) end_call(key, subscription, now);
    if (subscription.call && !wanted) subscription.call->cancel();
    if (!subscription.call && !wanted) {
      next = subscriptions_.erase(next);
      continue;
    }
    if (!subscription.call && subscription.retry_at <= now) begin_call(key, subscription);
    ++next;
  }
}

void SecretSources::end_call(const std::string& key, Subscription& subscription, MonotonicTime now) {
  const SecretCall& call = *subscription.call;
  subscription.version = call.version();
  if (!subscription.back_off) subscription.back_off = std::make_unique<BackOff>(random_);
  if (call.has_succeeded()) subscription.back_off->reset();
  subscription.retry_at = now + subscription.back_off->next();
  if (subscription.wanted && !stopping_) {
    log(LogLevel::kWarning,
        "the stream for secret '" + key + "' ended: " + (call.reason().empty() ? "closed" : call.reason()));
    if (UpdateStats& stats = host_.store.secrets().stats(key)) stats.failure();
  }
  subscription.call.reset();
}

void SecretSources::begin_call(const std::string& key, Subscription& subscription) {
  const SecretSource* source = host_.store.secrets().source_of(key);
  if (source == nullptr) return;
  SecretCall::Options options{
      .key = key, .name = source->name, .version = subscription.version, .target = {}, .node = {}};
  options.node = host_.bootstrap.node();
  options.node_on_first_message_only = source->node_on_first_message_only;
  // Errors were found when the source was translated.
  ConfigReport report;
  Context context(host_.environment, report);
  set_grpc_target(host_.bootstrap.message(), source->server, context, options.target);
  subscription.call =
      std::make_unique<SecretCall>(std::move(options), static_cast<SecretCall::Owner&>(*this));
}

std::optional<std::string> SecretSources::on_secret(
    const std::string& key, const envoy::service::discovery::v3::DiscoveryResponse& response) {
  const std::lock_guard lock(host_.mutex);
  if (stopping_) return std::nullopt;
  const auto result = host_.store.update_secret(key, response.version_info(), response.resources(),
                                                std::chrono::system_clock::now());
  UpdateStats& stats = host_.store.secrets().stats(key);
  if (result.ok()) {
    if (stats) stats.success(response.version_info());
  } else {
    log(LogLevel::kWarning, "refused version '" + response.version_info() + "': " + result.details());
    if (stats) stats.rejected();
  }
  host_.changed();
  if (result.ok()) return std::nullopt;
  return result.details();
}

void SecretSources::on_call_ended() { wake(); }

MonotonicTime SecretSources::next_due() const {
  MonotonicTime next = MonotonicTime::max();
  if (!stopping_ && host_.next_deadline) next = host_.next_deadline();
  if (folders_.is_incomplete()) next = std::min(next, std::chrono::steady_clock::now() + kLookForFolder);
  for (const auto& [key, subscription] : subscriptions_) {
    if (!subscription.call) next = std::min(next, subscription.retry_at);
  }
  return next;
}

void SecretSources::wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void SecretSources::wait(MonotonicTime until) const {
  pollfd descriptors[] = {{wake_fd_, POLLIN, 0}, {folders_.descriptor(), POLLIN, 0}};
  constexpr Milliseconds kLongest{60000};
  Milliseconds left = kLongest;
  if (until != MonotonicTime::max()) {
    const auto now = std::chrono::steady_clock::now();
    // Rounded up, so that what is due is due.
    left = std::clamp(std::chrono::ceil<Milliseconds>(until - now), Milliseconds{0}, kLongest);
  }
  poll(descriptors, 2, static_cast<int>(left.count()));
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t size = read(wake_fd_, &count, sizeof(count));
}

}  // namespace remora::xds
