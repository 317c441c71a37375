#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace remora {

/// A radix trie from byte strings to numbers, built once: finds all keys that a text begins with in one walk
/// over the text, whatever the number of keys. Nodes lie in one array with siblings side by side, so that the
/// next child is found by one search over the siblings' first bytes.
class ByteTrie {
 public:
  using Entry = std::pair<std::string, uint32_t>;

  ByteTrie() = default;
  /// Keys must be unique; they may be empty.
  explicit ByteTrie(std::vector<Entry> entries);

  [[nodiscard]] bool empty() const { return nodes_.empty(); }

  /// Calls `visit(number, length)` for each key that is a prefix of the text, shortest first. `at(i)` is the
  /// text's byte i, which lets callers fold or reverse it without a copy.
  template <typename ByteAt, typename Visit>
  void walk(size_t size, ByteAt at, Visit visit) const;

 private:
  static constexpr uint32_t kNoValue = 0xffffffff;
  struct Node {
    uint32_t label_begin = 0;
    uint32_t label_length = 0;
    uint32_t first_child = 0;
    uint32_t child_count = 0;
    uint32_t value = kNoValue;
  };

  /// Sorted entries [begin, end) that share their first `depth` bytes and belong under `node`.
  struct Group {
    uint32_t node;
    size_t begin;
    size_t end;
    size_t depth;
  };
  void place(Group group, const std::vector<Entry>& entries, std::vector<Group>& pending);

  std::vector<Node> nodes_;
  std::string first_bytes_;  // of each node's label, beside nodes_
  std::string labels_;
};

template <typename ByteAt, typename Visit>
void ByteTrie::walk(size_t size, ByteAt at, Visit visit) const {
  if (nodes_.empty()) return;
  const Node* node = nodes_.data();
  size_t position = 0;
  while (true) {
    const char* label = labels_.data() + node->label_begin;
    if (size - position < node->label_length) return;
    for (uint32_t i = 0; i < node->label_length; ++i) {
      if (label[i] != at(position + i)) return;
    }
    position += node->label_length;
    if (node->value != kNoValue) visit(node->value, position);
    if (position == size || node->child_count == 0) return;
    const char* siblings = first_bytes_.data() + node->first_child;
    const void* found = std::memchr(siblings, static_cast<unsigned char>(at(position)), node->child_count);
    if (found == nullptr) return;
    node = &nodes_[node->first_child + static_cast<size_t>(static_cast<const char*>(found) - siblings)];
  }
}

}  // namespace remora
