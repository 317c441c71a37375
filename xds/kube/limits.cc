#include "kube/limits.h"

#include <algorithm>
#include <boost/json/value.hpp>

namespace remora::kube {
namespace json = boost::json;

size_t depth_of(const json::value& value) {
  size_t deepest = 0;
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) deepest = std::max(deepest, depth_of(member.value()));
    return deepest + 1;
  }
  if (const auto* array = value.if_array()) {
    for (const json::value& item : *array) deepest = std::max(deepest, depth_of(item));
    return deepest + 1;
  }
  return 0;
}

size_t size_of(const json::value& value) {
  size_t size = 2;
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) size += member.key().size() + 4 + size_of(member.value());
  } else if (const auto* array = value.if_array()) {
    for (const json::value& item : *array) size += size_of(item) + 1;
  } else if (const auto* text = value.if_string()) {
    size += text->size();
  } else {
    size += 4;
  }
  return size;
}

}  // namespace remora::kube
