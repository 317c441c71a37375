#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/path_index.h"
#include "core/route_tree_index.h"

namespace remora {

struct ShadowedRoute;

/// The routes of one virtual host, ready to be searched: one index, or where the virtual host has a tree, one
/// for each group that the tree leads to. None where there is but one route, for every path: most virtual
/// hosts of a mesh are so, and there are many. Immutable, any thread.
class HostRoutes {
 public:
  /// Keeps pointers into `host`, which must outlive it and not move. `ignore_parameters`: as in PathIndex.
  HostRoutes(const VirtualHost& host, bool ignore_parameters);

  /// The position in VirtualHost::routes of the one that matches; Candidates::kNone if none does.
  [[nodiscard]] uint32_t match(const HeaderMap& head, uint64_t random, const RouteFacts& facts) const;
  /// The same search with its reasons (RouteTable::explain).
  uint32_t explain(const HeaderMap& head, uint64_t random, const RouteFacts& facts, size_t limit,
                   RouteSearch& search) const;
  /// RouteTable::shadowed. Routes of different groups never shadow each other.
  [[nodiscard]] std::vector<ShadowedRoute> shadowed() const;

 private:
  struct Group {
    uint32_t first;
    PathIndex index;
  };
  [[nodiscard]] uint32_t match_only_route(const HeaderMap& head, uint64_t random,
                                          const RouteFacts& facts) const;
  /// Null: the tree leads nowhere.
  [[nodiscard]] const Group* group_of(const HeaderMap& head, const RouteFacts& facts) const;

  const VirtualHost& host_;
  std::vector<Group> groups_;                   // empty: the first route is the only one, and for every path
  std::unique_ptr<const RouteTreeIndex> tree_;  // null: one group
};

}  // namespace remora
