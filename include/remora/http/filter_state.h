#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace remora {

/// What filters leave for each other, for access logs and for what chooses upstreams, by key: texts. Of one
/// exchange; worker thread only. Source: Envoy, filter state, of which this has the objects that envoy.string
/// makes.
class FilterState {
 public:
  /// Null: nobody has set it.
  [[nodiscard]] const std::string* find(std::string_view key) const {
    const auto found = std::ranges::find(objects_, key, &Object::first);
    return found == objects_.end() ? nullptr : &found->second;
  }
  /// In place of what was there.
  void set(std::string_view key, std::string value) {
    const auto found = std::ranges::find(objects_, key, &Object::first);
    if (found == objects_.end()) {
      objects_.emplace_back(key, std::move(value));
    } else {
      found->second = std::move(value);
    }
  }
  void clear() { objects_.clear(); }

 private:
  using Object = std::pair<std::string, std::string>;
  std::vector<Object> objects_;  // few
};

}  // namespace remora
