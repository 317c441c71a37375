#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace remora {

/// What filters leave for each other, for access logs and for what chooses upstreams, by key: texts. Of one
/// exchange; worker thread only. Source: Envoy, filter state, of which this has the objects that envoy.string
/// and envoy.hashable_string make.
class FilterState {
 public:
  /// Null: nobody has set it.
  [[nodiscard]] const std::string* find(std::string_view key) const {
    const auto found = std::ranges::find(objects_, key, &Object::key);
    return found == objects_.end() ? nullptr : &found->value;
  }
  /// The same, if it was set as one that hash policies may look at.
  [[nodiscard]] const std::string* find_hashable(std::string_view key) const {
    const auto found = std::ranges::find(objects_, key, &Object::key);
    return found == objects_.end() || !found->hashable ? nullptr : &found->value;
  }
  /// In place of what was there.
  void set(std::string_view key, std::string value, bool hashable = false) {
    const auto found = std::ranges::find(objects_, key, &Object::key);
    if (found == objects_.end()) {
      objects_.push_back({std::string(key), std::move(value), hashable});
    } else {
      found->value = std::move(value);
      found->hashable = hashable;
    }
  }
  void clear() { objects_.clear(); }

 private:
  struct Object {
    std::string key;
    std::string value;
    bool hashable;
  };
  std::vector<Object> objects_;  // few
};

}  // namespace remora
