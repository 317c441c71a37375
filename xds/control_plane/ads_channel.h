#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "istio/build/snapshot.h"

namespace remora::xds {

/// Which of Envoy's two protocols a stream speaks.
enum class AdsProtocol : uint8_t { kStateOfTheWorld, kDelta };

using NamesPtr = std::shared_ptr<const std::vector<std::string>>;

/// A DiscoveryRequest or DeltaDiscoveryRequest, as far as the protocol looks at it.
struct DiscoveryQuery {
  istio::XdsType type = istio::XdsType::kCluster;
  std::string nonce;
  /// State of the world: all that is followed; the same pointer as before means the same names, and nobody
  /// looks at them again. Delta: what is followed from now on as well. Null: none.
  NamesPtr names;
  std::optional<std::string> error;  ///< error_detail's message: the last response was rejected
  // Delta only.
  NamesPtr unsubscribe = nullptr;                            ///< null: none
  std::map<std::string, std::string> initial_versions = {};  ///< what the client has from another stream
};

/// One response to send.
struct Delivery {
  istio::XdsType type = istio::XdsType::kCluster;
  std::string version;
  std::string nonce;
  std::vector<istio::EncodedResourcePtr> resources;
  std::vector<std::string> removed = {};  ///< delta only
};

/// How far one type has got on one stream.
struct SyncState {
  bool subscribed = false;
  std::string sent;      ///< the version sent last
  std::string acked;     ///< the version accepted last
  std::string nacked;    ///< the version rejected; empty once what was rejected has been replaced
  std::string error;     ///< why
  bool waiting = false;  ///< for the answer to what was sent last
  size_t resources = 0;  ///< that the proxy has
};

/// One type of resource on one stream: what the client follows, what it has, and so what is due. The same for
/// both protocols; they differ in how a subscription is told and in how much a response must hold. A change
/// costs what it changes.
class AdsChannel {
 public:
  /// More names than this on one stream are an attack or a mistake.
  static constexpr size_t kMaxNames = 200'000;
  /// More than this is sent in several responses, unless it is one resource, or the client takes all that
  /// there is or nothing (clusters and listeners, state of the world).
  static constexpr size_t kMaxResponseBytes = 3'500'000;

  AdsChannel(istio::XdsType type, AdsProtocol protocol);

  /// What the server has of this type, from now on.
  void set_group(std::shared_ptr<const istio::ResourceGroup> group);
  const istio::ResourceGroup& group() const { return *group_; }

  /// Takes what a request says of the subscription. False where it is for more than kMaxNames.
  bool subscribe(const DiscoveryQuery& query);
  /// Virtual hosts: whether the client wants those of whatever route tables it has, without naming them.
  /// Which these are (sorted), follow_tables() says from then on. `tell_empty`: also that one has no hosts.
  bool follows_own_tables() const { return own_tables_; }
  void follow_tables(std::vector<std::string> tables, bool tell_empty = false);
  /// Takes its answer to the last response, if it is one.
  enum class Answer : uint8_t { kNone, kStale, kAck, kNack };
  Answer answer(const DiscoveryQuery& query);

  bool subscribed() const { return subscribed_; }
  bool waiting() const { return waiting_; }
  /// Whether the client has rejected something that was not replaced since.
  bool rejected() const { return !nacked_version_.empty(); }
  bool follows(const std::string& name) const;
  /// What the client has, as far as it has not rejected it.
  const istio::EncodedResources& sent() const { return sent_; }
  /// What the client lacks, or has in another version.
  const std::set<std::string>& due() const { return due_; }
  /// What the client has or asked for, and what does not exist.
  const std::set<std::string>& gone() const { return gone_; }
  bool has_news() const { return must_answer_ || !due_.empty(); }
  bool settled() const { return !waiting_ && !rejected() && !has_news() && gone_.empty(); }

  /// The client needs it again, though it has it.
  void send_again(const std::string& name);

  /// The next response; `may_leave` says which of gone() may be taken from the client now. Counts as sent.
  /// Of much it is a part, and the rest stays due. None where nothing is due.
  using MayLeave = std::function<bool(const std::string& name)>;
  std::optional<Delivery> take(const MayLeave& may_leave, const std::function<std::string()>& nonce);

  SyncState sync_state() const;

 private:
  bool tells_removals() const { return whole_ || protocol_ == AdsProtocol::kDelta; }
  void check(const std::string& name);
  void check_all();
  void drop(const std::string& name);
  void forgive(const std::string& name);
  void drop_unfollowed();
  void want_table(const std::string& table, const DiscoveryQuery& query);
  std::vector<std::string> hosts_of(const std::string& table) const;
  bool follows_table(const std::string& name) const;
  void begin(const DiscoveryQuery& query);
  void adopt(const std::map<std::string, std::string>& versions);
  void replace_names(const std::vector<std::string>& names);
  void change_names(const DiscoveryQuery& query);
  void want(const std::vector<std::string>& names, const DiscoveryQuery& query);
  void unwant(const std::vector<std::string>& names);
  void take_whole(const std::set<std::string>& leaving, Delivery& delivery);
  void take_changes(const std::set<std::string>& leaving, Delivery& delivery);
  void reject(const std::string& error, const std::vector<istio::EncodedResourcePtr>& rejected);

  const istio::XdsType type_;
  const AdsProtocol protocol_;
  const bool whole_;     ///< a response holds everything there is, so what is missing is deleted
  const bool by_table_;  ///< a route table's name stands for all of its virtual hosts
  std::shared_ptr<const istio::ResourceGroup> group_;

  bool subscribed_ = false;
  bool wildcard_ = false;
  bool own_tables_ = false;
  std::vector<std::string> tables_;  ///< the client's own, sorted
  bool named_ = false;               ///< a request has named something
  std::vector<std::string> names_;   ///< sorted
  NamesPtr asked_;                   ///< state of the world: the request's that these came from
  bool must_answer_ = false;         ///< even if nothing has changed
  istio::EncodedResources sent_;
  std::set<std::string> due_;
  std::set<std::string> gone_;

  std::string nonce_;
  bool waiting_ = false;
  std::vector<istio::EncodedResourcePtr> in_flight_;  ///< what waits for its answer, unless it is the whole
  std::set<std::string> refused_;  ///< of what was rejected: what is still in the client's way
  bool blamed_ = false;            ///< the rejection named these, and not just some of them
  std::string sent_version_;
  std::string acked_version_;
  std::string nacked_version_;
  std::string error_;
};

}  // namespace remora::xds
