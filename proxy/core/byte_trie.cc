#include "core/byte_trie.h"

#include <algorithm>

namespace remora {

ByteTrie::ByteTrie(std::vector<Entry> entries) {
  if (entries.empty()) return;
  std::sort(entries.begin(), entries.end());
  nodes_.resize(1);
  first_bytes_.resize(1);
  // A list instead of recursion: keys that nest thousands deep must not cost stack.
  std::vector<Group> pending{{0, 0, entries.size(), 0}};
  while (!pending.empty()) {
    const Group group = pending.back();
    pending.pop_back();
    place(group, entries, pending);
  }
  nodes_.shrink_to_fit();
  first_bytes_.shrink_to_fit();
  labels_.shrink_to_fit();
}

void ByteTrie::place(Group group, const std::vector<Entry>& entries, std::vector<Group>& pending) {
  // What the first and the last of sorted strings share, all between them share.
  const std::string& first = entries[group.begin].first;
  const std::string& last = entries[group.end - 1].first;
  size_t common = group.depth;
  while (common < first.size() && common < last.size() && first[common] == last[common]) ++common;

  const auto child = static_cast<uint32_t>(nodes_.size());
  Node& node = nodes_[group.node];
  node.label_begin = static_cast<uint32_t>(labels_.size());
  node.label_length = static_cast<uint32_t>(common - group.depth);
  node.first_child = child;
  labels_.append(first, group.depth, common - group.depth);
  if (first.size() == common) node.value = entries[group.begin++].second;

  uint32_t children = 0;
  for (size_t i = group.begin; i < group.end; ++i) {
    const char byte = entries[i].first[common];
    if (i == group.begin || byte != entries[i - 1].first[common]) {
      first_bytes_.push_back(byte);
      pending.push_back({child + children++, i, i, common});
    }
    pending.back().end = i + 1;
  }
  node.child_count = children;
  nodes_.resize(nodes_.size() + children);
}

}  // namespace remora
