#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/resource_store.h"
#include "remora/config/demand.h"

namespace remora::xds {

/// Clusters that requests have asked for by name: who is to be asked, what is waited for, what was answered.
/// Such a cluster then stays, and follows its source, until the source takes it away. Names come from
/// clients, so they are bounded, and a name that nothing stands behind is forgotten. Single-threaded.
class ClusterDemands {
 public:
  /// Clusters that are there, or are waited for, because somebody asked.
  static constexpr size_t kMost = 10000;
  /// A source that says nothing for so long is taken to have none.
  static constexpr Milliseconds kPatience{60000};

  /// Borrowed.
  explicit ClusterDemands(ResourceStore& store) : store_(store) {}

  /// True: its source is to be asked now. Otherwise that was done already, or the answer is known.
  bool add(const Demand& demand, std::shared_ptr<const ResourceSource> source, MonotonicTime now);
  void refuse(const Demand& demand) { settle(demand.key.name, false, demand.number); }

  using Names = google::protobuf::RepeatedPtrField<std::string>;
  /// The source has none of these (any more).
  void removed(const std::string& source, const Names& names);
  /// What it gave under these names cannot be used.
  void refused(const std::vector<std::string>& names);
  void activated(const std::vector<ClusterUpdate>& clusters);
  void expire(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_deadline() const;

  std::vector<SettledDemand> take_settled() { return std::exchange(settled_, {}); }
  /// Those that their sources need not be asked for any more.
  std::vector<ResourceStore::Touched> take_dropped() { return std::exchange(dropped_, {}); }

 private:
  struct Entry {
    std::shared_ptr<const ResourceSource> source;
    MonotonicTime deadline;  // max(): it is there
    uint64_t number = 0;     // of the newest demand for it
    [[nodiscard]] bool waiting() const { return deadline != MonotonicTime::max(); }
  };
  using Entries = std::map<std::string, Entry>;

  void settle(const std::string& name, bool found, uint64_t number);
  Entries::iterator drop(Entries::iterator entry);
  [[nodiscard]] bool is_there(const std::string& name) const;

  ResourceStore& store_;
  Entries entries_;
  size_t waiting_ = 0;
  std::vector<SettledDemand> settled_;
  std::vector<ResourceStore::Touched> dropped_;
};

}  // namespace remora::xds
