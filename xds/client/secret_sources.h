#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/back_off.h"
#include "client/folder_watch.h"
#include "client/kept_bootstrap.h"
#include "client/resource_store.h"
#include "client/secret_call.h"
#include "remora/core/random.h"

namespace remora::xds {

/// Follows the secrets that do not come over ADS: reads files again when their folder changes, and keeps a
/// stream to the secret server of each other one, with back-off after a loss. One thread, which begins when
/// the first such secret is named.
class SecretSources final : SecretCall::Owner {
 public:
  /// Borrowed. Everything of it is used with `mutex` held.
  struct Host {
    std::mutex& mutex;
    ResourceStore& store;
    const KeptBootstrap& bootstrap;
    const Environment& environment;
    /// The store has changed.
    std::function<void()> changed;
    /// For a process without an ADS stream, which would watch the time: when something is due, and what then
    /// is to be done. Null: there is one.
    std::function<MonotonicTime()> next_deadline{};
    std::function<void(MonotonicTime)> on_time{};
  };
  explicit SecretSources(Host host);
  ~SecretSources() override;
  SecretSources(const SecretSources&) = delete;
  SecretSources& operator=(const SecretSources&) = delete;

  /// Looks at what the store needs now. With the mutex held.
  void sync();
  /// Returns once the thread and all streams have ended. Without the mutex. Idempotent.
  void stop();

 private:
  struct Subscription {
    std::unique_ptr<SecretCall> call;  // null: waits until retry_at
    std::string version;
    std::unique_ptr<BackOff> back_off;
    MonotonicTime retry_at{};
    bool wanted = true;
  };

  std::optional<std::string> on_secret(
      const std::string& key, const envoy::service::discovery::v3::DiscoveryResponse& response) override;
  void on_call_ended() override;

  void run();
  // With the mutex held:
  void follow_sources();
  void reload_changed();
  void tend_calls(MonotonicTime now);
  void end_call(const std::string& key, Subscription& subscription, MonotonicTime now);
  void begin_call(const std::string& key, Subscription& subscription);
  [[nodiscard]] MonotonicTime next_due() const;

  void wake() const;
  void wait(MonotonicTime until) const;

  const Host host_;
  Random random_;
  FolderWatch folders_;
  std::map<std::string, std::set<std::string>> keys_of_folder_;
  std::map<std::string, Subscription> subscriptions_;
  uint64_t seen_version_ = 0;
  bool stopping_ = false;
  int wake_fd_ = -1;
  std::thread thread_;
};

}  // namespace remora::xds
