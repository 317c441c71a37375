#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "remora/core/address.h"

namespace remora {

/// The bits of an IP address, most significant first; empty for other addresses.
std::string_view address_bytes(const Address& address);

/// One step of FilterChainIndex by an exact key: what it leads to, with one entry for "any".
template <typename Key, typename Next, typename Hash = std::hash<Key>>
class ExactLevel {
 public:
  Next& at(const Key& key) { return exact_[key]; }
  Next& any() {
    if (!any_) any_ = std::make_unique<Next>();
    return *any_;
  }
  template <typename Lookup>
  [[nodiscard]] const Next* find_exact(const Lookup& key) const {
    if (exact_.empty()) return nullptr;
    const auto found = exact_.find(key);
    return found == exact_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] const Next* find_any() const { return any_.get(); }

 private:
  std::unordered_map<Key, Next, Hash, std::equal_to<>> exact_;
  std::unique_ptr<Next> any_;
};

/// Text keys looked up by string_view without a copy.
struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <typename Next>
using NameLevel = ExactLevel<std::string, Next, NameHash>;

/// One step by address range: the longest prefix that contains the address, by a walk over its bits.
template <typename Next>
class RangeLevel {
 public:
  Next& at(const CidrRange& range) {
    const auto bytes = address_bytes(range.base);
    Node* node = &made(roots_[bytes.size() == 4 ? 0 : 1]);
    for (size_t bit = 0; bit < range.prefix_length && bit < bytes.size() * 8; ++bit)
      node = &made(node->children[bit_of(bytes, bit)]);
    return made(node->value);
  }
  Next& any() { return made(any_); }
  [[nodiscard]] const Next* find(const Address& address) const {
    const Next* best = any_.get();
    const auto bytes = address_bytes(address);
    if (bytes.empty()) return best;
    const Node* node = roots_[bytes.size() == 4 ? 0 : 1].get();
    for (size_t bit = 0; node != nullptr; ++bit) {
      if (node->value) best = node->value.get();
      node = bit < bytes.size() * 8 ? node->children[bit_of(bytes, bit)].get() : nullptr;
    }
    return best;
  }

 private:
  struct Node {
    std::unique_ptr<Node> children[2];
    std::unique_ptr<Next> value;
  };
  static size_t bit_of(std::string_view bytes, size_t bit) {
    return (static_cast<unsigned char>(bytes[bit / 8]) >> (7 - bit % 8)) & 1u;
  }
  template <typename T>
  static T& made(std::unique_ptr<T>& slot) {
    if (!slot) slot = std::make_unique<T>();
    return *slot;
  }

  std::unique_ptr<Node> roots_[2];  // IPv4, IPv6
  std::unique_ptr<Next> any_;
};

}  // namespace remora
