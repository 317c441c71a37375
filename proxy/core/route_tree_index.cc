#include "core/route_tree_index.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "remora/http/filter_state.h"

namespace remora {
namespace {

/// What the request has; views into it, or into `joined` where a header is there more than once.
std::optional<std::string_view> read(const RouteInput& input, const HeaderMap& head, const FilterState* state,
                                     std::string& joined) {
  if (input.filter_state) {
    const std::string* object = state == nullptr ? nullptr : state->find(input.name);
    return object == nullptr ? std::nullopt : std::optional<std::string_view>(*object);
  }
  std::optional<std::string_view> first;
  bool several = false;
  for (const auto& field : head.fields()) {
    if (field.name != input.name) continue;
    if (!first) {
      first = field.value;
      continue;
    }
    if (!std::exchange(several, true)) joined = *first;
    joined.append(",").append(field.value);
  }
  if (!first && input.name == "host") return head.get(HeaderId::kAuthority);  // one header under two names
  return several ? joined : first;
}

/// The text of an input, for as long as this thread asks for no other.
std::optional<std::string_view> value_of(const RouteInput& input, const HeaderMap& head,
                                         const FilterState* state) {
  thread_local std::string joined;
  return read(input, head, state, joined);
}

bool holds(const RoutePredicate& predicate, const HeaderMap& head,  // NOLINT: as deep as translated, bounded
           const FilterState* state) {
  const auto part_holds = [&](const RoutePredicate& part) { return holds(part, head, state); };
  switch (predicate.kind) {
    case RoutePredicate::Kind::kAnd: return std::ranges::all_of(predicate.parts, part_holds);
    case RoutePredicate::Kind::kOr: return std::ranges::any_of(predicate.parts, part_holds);
    case RoutePredicate::Kind::kNot: return !part_holds(predicate.parts.front());
    case RoutePredicate::Kind::kValue: break;
  }
  const auto value = value_of(predicate.input, head, state);
  return value && predicate.value.matches(*value);
}

}  // namespace

uint32_t RouteTreeIndex::add(const RouteTree& tree) {  // NOLINT: recursion as deep as translated, bounded
  const auto number = static_cast<uint32_t>(nodes_.size());
  nodes_.emplace_back();
  Node node;
  node.tree = &tree;
  for (const auto& [predicate, branch] : tree.list) node.branches.push_back(made(branch));
  std::vector<ByteTrie::Entry> prefixes;
  for (const auto& [key, branch] : tree.map) {
    const auto place = static_cast<uint32_t>(node.branches.size());
    node.branches.push_back(made(branch));
    if (tree.kind == RouteTree::Kind::kExact) {
      node.exact.emplace(key, place);
    } else {
      prefixes.emplace_back(key, place);
    }
  }
  node.prefixes = ByteTrie(std::move(prefixes));
  if (tree.on_no_match) node.otherwise = made(*tree.on_no_match);
  nodes_[number] = std::move(node);
  return number;
}

RouteTreeIndex::Branch RouteTreeIndex::made(const RouteBranch& branch) {  // NOLINT: likewise
  if (branch.tree) return {add(*branch.tree), kNone};
  return {kNone, branch.group};
}

uint32_t RouteTreeIndex::follow(const Branch& branch, const Request& request) const {  // NOLINT: likewise
  return branch.node == kNone ? branch.group : search(nodes_[branch.node], request);
}

uint32_t RouteTreeIndex::search(const Node& node, const Request& request) const {  // NOLINT: likewise
  const bool list = node.tree->kind == RouteTree::Kind::kList;
  const uint32_t group = list ? search_list(node, request) : search_map(node, request);
  return group != kNone ? group : follow(node.otherwise, request);
}

uint32_t RouteTreeIndex::search_list(const Node& node, const Request& request) const {  // NOLINT: likewise
  for (size_t i = 0; i < node.branches.size(); ++i) {
    if (!holds(node.tree->list[i].first, request.head, request.state)) continue;
    if (const uint32_t group = follow(node.branches[i], request); group != kNone) return group;
  }
  return kNone;
}

uint32_t RouteTreeIndex::search_map(const Node& node, const Request& request) const {  // NOLINT: likewise
  const auto text = value_of(node.tree->input, request.head, request.state);
  if (!text) return kNone;
  if (node.tree->kind == RouteTree::Kind::kPrefix) return longest_prefix(node, *text, request);
  const auto found = node.exact.find(*text);
  return found == node.exact.end() ? kNone : follow(node.branches[found->second], request);
}

/// The longest key that leads somewhere.
uint32_t RouteTreeIndex::longest_prefix(const Node& node, std::string_view text,  // NOLINT: likewise
                                        const Request& request) const {
  // One stack for all levels: those of this one lie above `base`.
  thread_local std::vector<uint32_t> keys;
  const size_t base = keys.size();
  node.prefixes.walk(
      text.size(), [text](size_t i) { return text[i]; },
      [](uint32_t place, size_t /*length*/) { keys.push_back(place); });
  uint32_t group = kNone;
  while (keys.size() > base && group == kNone) {
    const uint32_t place = keys.back();
    keys.pop_back();
    group = follow(node.branches[place], request);
  }
  keys.resize(base);
  return group;
}

}  // namespace remora
