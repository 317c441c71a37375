#include <algorithm>
#include <span>

#include "client/log.h"
#include "client/resource_store.h"
#include "translate/route.h"

namespace remora::xds {

using ProtoResource = envoy::service::discovery::v3::Resource;
using OwnHosts = std::vector<std::shared_ptr<VirtualHost>>;

// Virtual hosts that come on their own, and the tables that are made of them. A response is judged as a
// whole, since a domain may go from one virtual host to another in it.

OwnHosts ResourceStore::own_hosts(const std::string& key, const RouteParts& parts, Context& context) const {
  OwnHosts hosts;
  const auto* set = virtual_hosts_.find(key);
  if (set == nullptr) return hosts;
  const auto before = routes_.value_of(key);
  const bool as_they_are = before != nullptr && before->config().digest == parts.digest;
  hosts.reserve(set->hosts.size());
  for (const auto& [name, host] : set->hosts) {
    if (as_they_are) {
      hosts.push_back(host.made);
      continue;
    }
    const auto scope = context.in_key("vhds", name);
    hosts.push_back(translate_virtual_host(host.record.resource.value(), parts.head, context));
  }
  return hosts;
}

/// After a table was taken: the set that goes with it, and whether its listeners must still wait.
void ResourceStore::follow_virtual_hosts(const std::string& key, const RouteParts& parts,
                                         const std::shared_ptr<const ResourceSource>& source, OwnHosts hosts,
                                         MonotonicTime now) {
  const NeedKey need{NeedKind::kRoutes, key};
  if (source == nullptr) {
    virtual_hosts_.release(key);
    routes_.set_incomplete(key, false);
    return listeners_.settled(need);
  }
  auto& set = virtual_hosts_.hold(key, parts.head.name(), source);
  auto made = hosts.begin();
  for (auto& [name, host] : set.hosts) host.made = std::move(*made++);
  routes_.set_incomplete(key, !set.answered);
  if (auto claimed = virtual_hosts_.claim(set); !claimed.empty()) take_claimed(key, std::move(claimed));
  if (set.answered) return listeners_.settled(need);
  const bool forever = source->fetch_timeout.count() == 0;
  listeners_.postpone(need, forever ? MonotonicTime::max() : now + source->fetch_timeout);
}

/// One virtual host of a response, and what was there before it.
struct ResourceStore::HostChange {
  std::string name;
  std::optional<VirtualHostSets::Host> other;  // the one that the set does not have now
  bool is_removal = false;
};

/// What one response does to one table.
class ResourceStore::TableUpdate {
 public:
  TableUpdate(ResourceStore& store, std::string key)
      : store_(store),
        key_(std::move(key)),
        set_(*store.virtual_hosts_.find(key_)),
        record_(*store.routes_.find(key_)->record),
        latest_(store.routes_.value_of(key_)),
        parts_(*take_apart(record_.resource.value())) {}

  void add(const ProtoResource& resource, WallTime wall, UpdateResult& result) {
    const std::string& name = resource.name();
    given_.emplace_back(name, name);
    for (const std::string& alias : resource.aliases()) given_.emplace_back(alias, name);
    const auto found = set_.hosts.find(name);
    if (found != set_.hosts.end() && found->second.record.resource.value() == resource.resource().value()) {
      set_.refused.erase(name);
      return;
    }
    ResourceRecord record{resource.resource(), resource.version(), wall};
    if (resource.resource().type_url() != type_url(ResourceType::kVirtualHosts))
      return refuse(name, std::move(record), "is a '" + resource.resource().type_url() + "'", result);
    add(name, std::move(record), result);
  }

  void add(const std::string& name, ResourceRecord record, UpdateResult& result) {
    ConfigReport report;
    Context context(store_.environment_, report);
    auto made = translate_virtual_host(record.resource.value(), parts_.head, context);
    if (made == nullptr) return refuse(name, std::move(record), report.error_text(), result);
    store_.warnings_.add("virtual host", name, report);
    changes_.push_back({name, VirtualHostSets::Host{std::move(record), std::move(made)}, false});
  }

  void remove(const std::string& name) {
    set_.refused.erase(name);
    absent_.push_back(name);
    if (set_.hosts.contains(name)) changes_.push_back({name, std::nullopt, true});
  }

  /// The source has none of that name (and is not just renewing one).
  void unresolved(const ProtoResource& resource) {
    if (set_.hosts.contains(resource.name())) return;
    absent_.push_back(resource.name());
    absent_.insert(absent_.end(), resource.aliases().begin(), resource.aliases().end());
  }

  void commit(const std::string& version, WallTime wall, UpdateResult& result) {
    set_.answered = true;
    set_.version = version;
    set_.updated = wall;
    if (!changes_.empty()) {
      std::string error;
      swap(changes_);
      if (compose(error) == nullptr) commit_what_can_be(error, result);
      for (const HostChange& change : changes_) set_.refused.erase(change.name);
      store_.routes_.replace(key_, latest_);
    }
    store_.routes_.set_incomplete(key_, false);
    store_.listeners_.settled({NeedKind::kRoutes, key_});
    for (const std::string& name : absent_) store_.virtual_hosts_.settle(set_, name, false);
    for (const auto& [name, resource] : given_)
      store_.virtual_hosts_.settle(set_, name, set_.hosts.contains(resource));
  }

 private:
  /// More tries than this are not made to find out which virtual hosts of a response cannot be.
  static constexpr size_t kMostTries = 200;

  void refuse(const std::string& name, ResourceRecord record, const std::string& details,
              UpdateResult& result) {
    result.errors.push_back("virtual host '" + name + "': " + details);
    result.refused.push_back(name);
    set_.refused[name] = {std::move(record), details};
  }

  /// Puts changes into the set, or takes them back.
  void swap(std::span<HostChange> changes) {
    for (HostChange& change : changes) {
      std::optional<VirtualHostSets::Host> now;
      if (const auto found = set_.hosts.find(change.name); found != set_.hosts.end()) {
        now = std::move(found->second);
        set_.hosts.erase(found);
      }
      if (change.other) set_.hosts.emplace(change.name, std::move(*change.other));
      change.other = std::move(now);
    }
  }

  /// The table as the set is now; null, with the reason, if it cannot be.
  std::shared_ptr<const RouteTable> compose(std::string& error) {
    RouteTableOptions options{record_.version, false, latest_.get(), {}};
    options.more.reserve(set_.hosts.size());
    for (const auto& [name, host] : set_.hosts) options.more.push_back(host.made);
    ConfigReport report;
    Context context(store_.environment_, report);
    auto table = translate_routes(parts_, std::move(options), context);
    error = report.error_text();
    if (table == nullptr) return nullptr;
    store_.warnings_.add("routes", key_, report);
    return latest_ = std::move(table);
  }

  /// The removals, and of the others as many as go together.
  void commit_what_can_be(const std::string& why, UpdateResult& result) {
    swap(changes_);
    const auto additions = std::stable_partition(changes_.begin(), changes_.end(),
                                                 [](const auto& one) { return one.is_removal; });
    swap({changes_.begin(), additions});
    std::string error;
    compose(error);  // less than what there was: it can be
    std::vector<HostChange> left(std::make_move_iterator(additions), std::make_move_iterator(changes_.end()));
    changes_.erase(additions, changes_.end());
    // What has to make room for another may come behind it.
    for (size_t before = 0; !left.empty() && before != left.size();) {
      before = left.size();
      left = add(std::move(left));
    }
    for (HostChange& change : left) {
      const bool is_tried = tries_++ < kMostTries;
      swap({&change, 1});
      if (is_tried && compose(error) != nullptr) {
        changes_.push_back(std::move(change));
        continue;
      }
      swap({&change, 1});
      refuse(change.name, std::move(change.other->record), is_tried ? error : why, result);
    }
  }

  /// Those that cannot be added are given back.
  std::vector<HostChange> add(std::vector<HostChange> changes) {  // NOLINT: halves what it is given
    std::string error;
    if (tries_++ >= kMostTries) return changes;
    swap(changes);
    if (compose(error) != nullptr) {
      std::ranges::move(changes, std::back_inserter(changes_));
      return {};
    }
    swap(changes);
    if (changes.size() == 1) return changes;
    const auto middle = changes.begin() + static_cast<std::ptrdiff_t>(changes.size() / 2);
    std::vector<HostChange> second(std::make_move_iterator(middle), std::make_move_iterator(changes.end()));
    changes.erase(middle, changes.end());
    auto left = add(std::move(changes));
    std::ranges::move(add(std::move(second)), std::back_inserter(left));
    return left;
  }

  ResourceStore& store_;
  const std::string key_;
  VirtualHostSets::Set& set_;
  const ResourceRecord record_;  // of the table itself
  std::shared_ptr<const RouteTable>
      latest_;              // that the next one takes over from: it knows all compiled hosts
  const RouteParts parts_;  // of record_
  std::vector<HostChange> changes_;
  // Names that requests may have asked by.
  std::vector<std::string> absent_;
  std::vector<std::pair<std::string, std::string>> given_;  // and the resource's own
  size_t tries_ = 0;
};

/// Virtual hosts that came before their table did.
void ResourceStore::take_claimed(const std::string& key,
                                 std::vector<std::pair<std::string, ResourceRecord>> claimed) {
  UpdateResult result;
  TableUpdate update(*this, key);
  const ResourceRecord last = claimed.back().second;
  for (auto& [name, record] : claimed) update.add(name, std::move(record), result);
  update.commit(last.version, last.updated, result);
  if (!result.ok()) log(LogLevel::kWarning, result.details());
}

UpdateResult ResourceStore::update_virtual_hosts(const DeltaResponse& response, WallTime wall,
                                                 const std::string& source) {
  UpdateResult result;
  std::map<std::string, TableUpdate> tables;  // by key
  const auto each_table = [&](const std::string& table, const auto& call) {
    const auto keys = virtual_hosts_.keys_of(table, source);
    for (const std::string& key : keys) call(tables.try_emplace(key, *this, key).first->second);
    return !keys.empty();
  };
  std::set<std::string_view> not_taken;
  for (const auto& resource : response.resources()) {
    const bool has_table = each_table(std::string(table_of(resource.name())), [&](TableUpdate& table) {
      if (resource.has_resource()) return table.add(resource, wall, result);
      table.unresolved(resource);
    });
    if (has_table || !resource.has_resource()) continue;
    ResourceRecord record{resource.resource(), resource.version(), wall};
    if (!virtual_hosts_.keep_unclaimed(resource.name(), source, std::move(record)))
      not_taken.insert(resource.name());
  }
  for (const std::string& name : response.removed_resources()) {
    virtual_hosts_.drop_unclaimed(name, source);
    each_table(name, [](TableUpdate&) {});  // there is none at all
    each_table(std::string(table_of(name)), [&](TableUpdate& table) { table.remove(name); });
  }
  if (response.resources().empty() && response.removed_resources().empty()) {  // it has nothing for anybody
    for (const std::string& key : virtual_hosts_.keys_from(source)) tables.try_emplace(key, *this, key);
  }
  for (auto& [key, table] : tables) table.commit(response.system_version_info(), wall, result);
  not_taken.insert(result.refused.begin(), result.refused.end());
  for (const auto& resource : response.resources()) {
    if (!not_taken.contains(resource.name())) result.accepted.push_back(resource.name());
  }
  return result;
}

}  // namespace remora::xds
