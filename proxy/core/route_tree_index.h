#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/byte_trie.h"
#include "remora/config/route_tree.h"
#include "remora/http/header_map.h"

namespace remora {

/// A RouteTree made ready: its maps as hashes and tries, so that a map of any size costs one look. What is a
/// list costs its length, as far as the first that holds. Immutable, any thread.
class RouteTreeIndex {
 public:
  /// Keeps pointers into `tree`, which must outlive it.
  explicit RouteTreeIndex(const RouteTree& tree) { add(tree); }

  static constexpr uint32_t kNone = 0xffffffff;
  /// The number of the group that the request is tried on; kNone: the tree leads nowhere. `state` may be
  /// null. No allocation in steady state.
  [[nodiscard]] uint32_t find(const HeaderMap& head, const FilterState* state) const {
    return search(nodes_.front(), {head, state});
  }

 private:
  struct Branch {
    uint32_t node = kNone;  // kNone: it leads to the group
    uint32_t group = kNone;
  };
  struct Node {
    const RouteTree* tree = nullptr;
    std::vector<Branch> branches;  // of the list or the map, in its order
    Branch otherwise;
    absl::flat_hash_map<std::string_view, uint32_t> exact;  // numbers of branches
    ByteTrie prefixes;                                      // likewise
  };
  struct Request {
    const HeaderMap& head;
    const FilterState* state;
  };

  uint32_t add(const RouteTree& tree);
  Branch made(const RouteBranch& branch);
  [[nodiscard]] uint32_t search(const Node& node, const Request& request) const;
  [[nodiscard]] uint32_t search_list(const Node& node, const Request& request) const;
  [[nodiscard]] uint32_t search_map(const Node& node, const Request& request) const;
  [[nodiscard]] uint32_t longest_prefix(const Node& node, std::string_view text,
                                        const Request& request) const;
  [[nodiscard]] uint32_t follow(const Branch& branch, const Request& request) const;

  std::vector<Node> nodes_;  // the root first
};

}  // namespace remora
