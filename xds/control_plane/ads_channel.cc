#include "control_plane/ads_channel.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "istio/build/virtual_hosts.h"

namespace remora::xds {
namespace {

using istio::EncodedResource;
using istio::EncodedResourcePtr;
using istio::EncodedResources;
using istio::XdsType;
using Names = std::vector<std::string>;  // sorted where they are a subscription

const Names kNone;

/// Clients may follow all of these without naming them, and always could.
bool has_wildcard(XdsType type) { return type == XdsType::kCluster || type == XdsType::kListener; }

const std::shared_ptr<const istio::ResourceGroup>& no_group() {
  static const auto kNothing = std::make_shared<const istio::ResourceGroup>();
  return kNothing;
}

bool contains(const Names& names, const std::string& name) {
  return std::binary_search(names.begin(), names.end(), name);
}

Names in_order(Names names) {
  if (!std::is_sorted(names.begin(), names.end())) std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool take_out(const std::string& name, Names& names) {
  const auto place = std::lower_bound(names.begin(), names.end(), name);
  if (place == names.end() || *place != name) return false;
  names.erase(place);
  return true;
}

/// What `all` has and `names` has not.
Names missing_in(const Names& names, const Names& all) {
  Names missing;
  std::set_difference(all.begin(), all.end(), names.begin(), names.end(), std::back_inserter(missing));
  return missing;
}

Names joined(const Names& some, const Names& more) {
  Names all;
  all.reserve(some.size() + more.size());
  std::set_union(some.begin(), some.end(), more.begin(), more.end(), std::back_inserter(all));
  return all;
}

/// What one response may hold. gRPC's clients take 4 MiB unless they are told to take more; what has no room
/// goes with the next response, once this one is answered. One resource goes whatever its size is.
class Room {
 public:
  bool take(size_t bytes) {
    bytes += kAround;
    if (used_ > 0 && used_ + bytes > AdsChannel::kMaxResponseBytes) return false;
    used_ += bytes;
    return true;
  }

 private:
  static constexpr size_t kAround = 64;  // version, tags and lengths
  size_t used_ = 0;
};

/// Something that the client has and we do not.
EncodedResourcePtr unknown(const std::string& name) {
  return std::make_shared<const EncodedResource>(EncodedResource{name, "", 0});
}

}  // namespace

AdsChannel::AdsChannel(XdsType type, AdsProtocol protocol)
    : type_(type),
      protocol_(protocol),
      whole_(protocol == AdsProtocol::kStateOfTheWorld && has_wildcard(type)),
      by_table_(type == XdsType::kVirtualHost),
      group_(no_group()) {}

bool AdsChannel::follows(const std::string& name) const {
  return wildcard_ || contains(names_, name) || follows_table(name);
}

bool AdsChannel::follows_table(const std::string& name) const {
  if (!by_table_) return false;
  const std::string table(istio::table_of(name));
  return contains(names_, table) || contains(tables_, table);
}

void AdsChannel::set_group(std::shared_ptr<const istio::ResourceGroup> group) {
  const auto before = std::exchange(group_, std::move(group));
  if (!subscribed_ || before == group_ || before->version == group_->version) return;
  EncodedResources::compare(before->resources, group_->resources, [this](const auto& was, const auto& is) {
    check((is == nullptr ? was : is)->name);
  });
}

/// Finds out whether this one is due, or gone.
void AdsChannel::check(const std::string& name) {
  if (!follows(name)) return;
  const EncodedResourcePtr& available = group_->resources.get(name);
  const EncodedResourcePtr& has = sent_.get(name);
  due_.erase(name);
  if (available == nullptr) {
    if (has != nullptr && tells_removals()) gone_.insert(name);
    if (!tells_removals()) forgive(name);  // it leaves with its parent, and nobody hears of it again
    return;
  }
  gone_.erase(name);
  if (has == nullptr || has->hash != available->hash) due_.insert(name);
}

void AdsChannel::check_all() {
  EncodedResources::compare(sent_, group_->resources, [this](const auto& was, const auto& is) {
    check((is == nullptr ? was : is)->name);
  });
}

/// The client is no longer interested, and forgets it by itself.
void AdsChannel::drop(const std::string& name) {
  due_.erase(name);
  gone_.erase(name);
  sent_.erase(name);
  forgive(name);
}

/// What was rejected is in nobody's way any more.
void AdsChannel::forgive(const std::string& name) {
  if (refused_.erase(name) == 0 || !refused_.empty()) return;
  nacked_version_.clear();
  error_.clear();
}

void AdsChannel::drop_unfollowed() {
  Names dropped;
  for (const auto& entry : sent_) {
    if (!follows(entry.second->name)) dropped.push_back(entry.second->name);
  }
  for (const auto* names : {&due_, &gone_}) {
    std::copy_if(names->begin(), names->end(), std::back_inserter(dropped),
                 [this](const std::string& name) { return !follows(name); });
  }
  for (const std::string& name : dropped) drop(name);
}

void AdsChannel::send_again(const std::string& name) {
  if (sent_.erase(name)) check(name);
}

// --- subscriptions ---

bool AdsChannel::subscribe(const DiscoveryQuery& query) {
  const Names& names = query.names == nullptr ? kNone : *query.names;
  const bool delta = protocol_ == AdsProtocol::kDelta;
  const size_t unwanted = query.unsubscribe == nullptr ? 0 : query.unsubscribe->size();
  const size_t kept = delta ? names_.size() + gone_.size() : 0;
  if (names.size() + unwanted + kept > kMaxNames || query.initial_versions.size() > kMaxNames) return false;
  if (delta) {
    change_names(query);
  } else if (!subscribed_ || query.names != asked_) {  // every acknowledgement repeats the whole subscription
    replace_names(names);
    asked_ = query.names;
  }
  subscribed_ = true;
  named_ = named_ || !names.empty();
  return true;
}

/// State of the world: a request says all that is followed.
void AdsChannel::replace_names(const Names& names) {
  Names wanted = in_order(names);
  const bool explicit_wildcard = take_out("*", wanted);
  // Empty requests mean everything, unless names were given before.
  const bool wildcard = has_wildcard(type_) && (explicit_wildcard || (wanted.empty() && !named_));
  if (subscribed_ && wildcard == wildcard_ && wanted == names_) return;
  const Names added = missing_in(names_, wanted);
  bool news = !subscribed_ || (wildcard && !wildcard_) || !added.empty();
  names_ = std::move(wanted);
  wildcard_ = wildcard;
  const size_t had = sent_.size();
  drop_unfollowed();
  news = news || sent_.size() != had;
  for (const std::string& name : added) check(name);
  if (wildcard_) check_all();
  must_answer_ = must_answer_ || (whole_ && news);
}

/// Delta: a request says what changes of it.
void AdsChannel::change_names(const DiscoveryQuery& query) {
  if (!subscribed_) begin(query);
  if (query.names != nullptr) want(in_order(*query.names), query);
  if (query.unsubscribe != nullptr) unwant(in_order(*query.unsubscribe));
  if (!query.initial_versions.empty() && !own_tables_) drop_unfollowed();
}

void AdsChannel::begin(const DiscoveryQuery& query) {
  const bool unnamed = (query.names == nullptr || query.names->empty()) &&
                       (query.unsubscribe == nullptr || query.unsubscribe->empty());
  adopt(query.initial_versions);
  wildcard_ = unnamed && has_wildcard(type_);
  own_tables_ = unnamed && by_table_;
  if (!wildcard_) return;
  check_all();
  must_answer_ = query.initial_versions.empty();  // even if there is nothing: it waits to know that
}

/// What the client still has of an earlier stream need not be sent, wherever it came from.
void AdsChannel::adopt(const std::map<std::string, std::string>& versions) {
  for (const auto& [name, version] : versions) {
    const EncodedResourcePtr& known = group_->resources.get(name);
    const bool same = known != nullptr && istio::version_text(known->hash) == version;
    sent_.put(same ? known : unknown(name));
  }
  if (sent_.sum() == group_->resources.sum()) sent_ = group_->resources;
}

void AdsChannel::want(const Names& names, const DiscoveryQuery& query) {
  Names added = names;
  if (take_out("*", added) && !wildcard_) {
    wildcard_ = true;
    own_tables_ = own_tables_ || by_table_;
    must_answer_ = must_answer_ || query.initial_versions.empty();
    check_all();
  }
  names_ = joined(names_, added);
  for (const std::string& name : added) {
    if (by_table_ && istio::table_of(name).empty()) {
      want_table(name, query);
      continue;
    }
    // It may have forgotten what it asks for again, unless it says that it has not.
    if (!query.initial_versions.contains(name)) sent_.erase(name);
    check(name);
    if (group_->resources.get(name) == nullptr) gone_.insert(name);  // it is told at once
  }
}

/// All virtual hosts of a table. That there are none is an answer as well.
void AdsChannel::want_table(const std::string& table, const DiscoveryQuery& query) {
  bool empty = true;
  for (const std::string& name : hosts_of(table)) {
    empty = empty && !group_->resources.contains(name);
    if (!query.initial_versions.contains(name)) sent_.erase(name);
    check(name);
  }
  if (empty) gone_.insert(table);
}

/// Those that there are, and those that the client has.
Names AdsChannel::hosts_of(const std::string& table) const {
  Names hosts;
  const std::string prefix = istio::virtual_host_resource(table, "");
  for (const EncodedResources* resources : {&group_->resources, &sent_}) {
    for (auto at = resources->from(prefix); at != resources->end() && at->first.starts_with(prefix); ++at)
      hosts.emplace_back(at->first);
  }
  return hosts;
}

void AdsChannel::follow_tables(Names tables, bool tell_empty) {
  const Names added = missing_in(tables_, tables);
  const Names left = missing_in(tables, tables_);
  tables_ = std::move(tables);
  if (!left.empty()) drop_unfollowed();
  for (const std::string& table : added) {
    const Names hosts = hosts_of(table);
    for (const std::string& host : hosts) check(host);
    if (tell_empty && hosts.empty()) gone_.insert(table);
  }
}

void AdsChannel::unwant(const Names& names) {
  Names removed = names;
  const bool all = take_out("*", removed) && std::exchange(wildcard_, false);
  names_ = missing_in(removed, names_);
  if (all || by_table_) drop_unfollowed();
  for (const std::string& name : removed) {
    drop(name);
    if (!wildcard_) continue;
    // It cannot know whether "*" still covers the name: it is sent or removed, so that it knows.
    check(name);
    if (group_->resources.get(name) == nullptr) gone_.insert(name);
  }
}

// --- answers ---

AdsChannel::Answer AdsChannel::answer(const DiscoveryQuery& query) {
  const bool spontaneous = protocol_ == AdsProtocol::kDelta && query.nonce.empty();
  if (!subscribed_ || spontaneous) return Answer::kNone;
  if (query.nonce != nonce_) return Answer::kStale;
  if (!waiting_) return Answer::kNone;
  waiting_ = false;
  const auto answered = std::exchange(in_flight_, {});
  if (query.error) {
    reject(*query.error, answered);
    return Answer::kNack;
  }
  acked_version_ = sent_version_;
  bool better = whole_;
  for (const EncodedResourcePtr& resource : answered) better = refused_.erase(resource->name) > 0 || better;
  if (better && !blamed_) refused_.clear();
  if (refused_.empty()) {
    nacked_version_.clear();
    error_.clear();
  }
  return Answer::kAck;
}

/// The client has taken what it did not object to. Which those are, only its words can tell.
void AdsChannel::reject(const std::string& error, const std::vector<EncodedResourcePtr>& rejected) {
  std::set<std::string> named;
  for (const EncodedResourcePtr& resource : rejected) {
    if (error.find(resource->name) != std::string::npos) named.insert(resource->name);
  }
  blamed_ = !named.empty();
  if (!blamed_) {
    for (const EncodedResourcePtr& resource : rejected) named.insert(resource->name);
  }
  refused_.merge(named);
  nacked_version_ = sent_version_;
  error_ = error;
}

// --- responses ---

std::optional<Delivery> AdsChannel::take(const MayLeave& may_leave,
                                         const std::function<std::string()>& nonce) {
  std::set<std::string> leaving;
  std::copy_if(gone_.begin(), gone_.end(), std::inserter(leaving, leaving.end()), may_leave);
  if (!has_news() && leaving.empty()) return std::nullopt;
  Delivery delivery{type_, "", nonce(), {}};
  if (whole_) {
    take_whole(leaving, delivery);
  } else {
    take_changes(leaving, delivery);
  }
  must_answer_ = false;
  waiting_ = true;
  nonce_ = delivery.nonce;
  sent_version_ = delivery.version;
  return delivery;
}

void AdsChannel::take_whole(const std::set<std::string>& leaving, Delivery& delivery) {
  EncodedResources now;
  if (wildcard_) {
    now = group_->resources;
  } else {
    for (const std::string& name : names_) {
      if (const auto& resource = group_->resources.get(name)) now.put(resource);
    }
  }
  for (const std::string& name : gone_) {
    if (!leaving.contains(name)) now.put(sent_.get(name));
  }
  sent_ = std::move(now);
  due_.clear();
  for (const std::string& name : leaving) gone_.erase(name);
  delivery.version = istio::version_text(sent_.sum());
  delivery.resources.reserve(sent_.size());
  for (const auto& entry : sent_) delivery.resources.push_back(entry.second);
}

void AdsChannel::take_changes(const std::set<std::string>& leaving, Delivery& delivery) {
  delivery.version = group_->version;
  Room room;
  for (const std::string& name : leaving) {
    if (!room.take(name.size())) break;
    delivery.removed.push_back(name);
    gone_.erase(name);
    sent_.erase(name);
    forgive(name);
  }
  while (!due_.empty()) {
    const auto first = due_.begin();
    const EncodedResourcePtr& resource = group_->resources.get(*first);
    if (!room.take(resource->any.size() + resource->name.size())) break;
    delivery.resources.push_back(resource);
    sent_.put(resource);
    due_.erase(first);
  }
  if (sent_.sum() == group_->resources.sum()) sent_ = group_->resources;  // and so shares its memory
  in_flight_ = delivery.resources;
}

SyncState AdsChannel::sync_state() const {
  return {subscribed_, sent_version_, acked_version_, nacked_version_, error_, waiting_, sent_.size()};
}

}  // namespace remora::xds
