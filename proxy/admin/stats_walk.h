#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/stats_query.h"
#include "remora/core/stats.h"

namespace remora::admin {

/// Walks all statistics in the order of their text names, a few scopes at a time.
///
/// Sorting 10,000 clusters' statistics as one list would cost a million string comparisons on the main thread
/// at once. Scopes sorted by prefix are already in order, except where one prefix begins another ("http.in."
/// and "http.in.rbac."): only such scopes are sorted together.
class StatsWalk {
 public:
  enum class Pass : uint8_t { kCountersAndGauges, kHistograms };

  struct Item {
    std::string name;
    const StatScope* scope = nullptr;
    size_t stat = 0;     ///< histograms
    uint64_t value = 0;  ///< counters and gauges
  };

  /// `query` is borrowed.
  StatsWalk(std::vector<std::shared_ptr<StatScope>> scopes, const StatsQuery& query);

  /// Begins (again) at the first scope.
  void start(Pass pass);
  /// The next wanted statistics, sorted; may be empty. False: there were no scopes left. The items live until
  /// the next call.
  bool next();
  [[nodiscard]] const std::vector<Item>& items() const { return items_; }

 private:
  void add_scope(const StatScope& scope);
  void add(const StatScope& scope, std::string_view name, std::string_view end, size_t stat, uint64_t value);

  std::vector<std::shared_ptr<StatScope>> scopes_;
  const StatsQuery& query_;
  Pass pass_ = Pass::kCountersAndGauges;
  size_t position_ = 0;
  std::vector<Item> items_;
  std::string name_;
};

}  // namespace remora::admin
