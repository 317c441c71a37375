#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "identity/credential.h"
#include "istio/build/credential_use.h"
#include "istio/build/snapshot.h"
#include "store/object_store.h"

namespace remora::xds {

/// The Secrets that gateways show as their certificates, as they are in the store, and read again as they
/// change: at once where the store tells, else every few seconds, each by its name. One that is missing or
/// broken is a finding, and the last good one stays. Control thread only.
class Credentials {
 public:
  /// Of which namespace's proxies, and what their Gateways name.
  using Wanted = std::map<std::pair<std::string, std::string>, istio::CredentialUse>;

  /// The store outlives this. `changed`: some secret or finding is another one than before.
  Credentials(boost::asio::io_context& context, store::ObjectStore& store, std::function<void()> changed,
              std::chrono::milliseconds look_again = std::chrono::seconds(10));
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  /// From now on these are followed, and no others.
  void follow(const Wanted& wanted);

  /// Puts those of `uses` that are known into `group`, for a proxy that has proved to be of `ns`.
  void add_to(const std::string& ns, const istio::CredentialUses& uses, istio::ResourceGroup& group) const;

  /// What is wrong with any of them.
  istio::Diagnostics findings() const;

 private:
  /// A Secret as it was read last.
  struct Read {
    bool known = false;
    bool there = false;
    identity::SecretFields fields;
    std::string error;  ///< why it cannot be known
  };
  struct Entry {
    istio::CredentialUse use;
    Read own;
    Read authority;  ///< the Secret NAME-cacert, which need not be there
    istio::EncodedResourcePtr certificate_secret;
    istio::EncodedResourcePtr authority_secret;
    std::string complaint;
  };
  using Key = Wanted::key_type;

  void on_event(const store::Event& event);
  void look_again();
  void read(const Key& key);
  void fetch(const Key& key, const std::string& name, Read Entry::*place);
  void judge(const Key& key, Entry& entry);
  static std::string judge_certificate(const Key& key, Entry& entry);
  static std::string judge_authority(const Key& key, Entry& entry);
  void watch();

  store::ObjectStore& store_;
  const std::function<void()> changed_;
  const std::chrono::milliseconds look_again_;
  boost::asio::steady_timer timer_;
  bool waiting_ = false;
  std::map<Key, Entry> entries_;
  store::ObjectStore::Watch watch_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace remora::xds
