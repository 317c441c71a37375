#pragma once

#include <google/protobuf/any.pb.h>

#include <map>
#include <memory>
#include <string>

#include "client/child_table.h"
#include "client/update_stats.h"

namespace remora::xds {

/// Filters' configurations that come by themselves (extension discovery), by key, with their statistics.
/// Single-threaded.
class ExtensionTable {
 public:
  using Table = ChildTable<std::shared_ptr<const google::protobuf::Any>>;

  explicit ExtensionTable(StatsStore& stats) : stats_store_(stats) {}

  /// The name of one that will be held next.
  void expect(const std::string& key, const std::string& name);
  void hold(const std::string& key, const std::string& user);
  void release(const std::string& key, const std::string& user);
  /// There is nothing to wait for: it is there, was refused, or is known not to come.
  [[nodiscard]] bool is_settled(const std::string& key) const;
  /// Null: nobody holds it.
  ExtensionStats* stats(const std::string& key);

  [[nodiscard]] const Table& table() const { return table_; }
  Table& table() { return table_; }

 private:
  StatsStore& stats_store_;
  Table table_;
  std::map<std::string, ExtensionStats> stats_;  // of what is expected or held
};

}  // namespace remora::xds
