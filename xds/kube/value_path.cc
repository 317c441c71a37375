#include "kube/value_path.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <charconv>

namespace remora::kube {
namespace {

namespace json = boost::json;

/// The next step of a path: ".name" or "[3]".
const json::value* step(const json::value* at, std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  if (path.starts_with('[')) {
    size_t index = 0;
    const auto [end, error] = std::from_chars(path.data() + 1, path.data() + path.size(), index);
    path.remove_prefix(std::min(static_cast<size_t>(end - path.data()) + 1, path.size()));
    const json::array* list = at->if_array();
    return error == std::errc() && list != nullptr && index < list->size() ? &(*list)[index] : nullptr;
  }
  const std::string_view name = path.substr(0, path.find_first_of(".["));
  path.remove_prefix(name.size());
  const json::object* map = at->if_object();
  return map != nullptr ? map->if_contains(name) : nullptr;
}

}  // namespace

const json::value* value_at(const json::object& object, std::string_view path) {
  const std::string_view first = path.substr(0, path.find_first_of(".["));
  const json::value* at = object.if_contains(first);
  path.remove_prefix(first.size());
  while (at != nullptr && !path.empty()) at = step(at, path);
  return at;
}

}  // namespace remora::kube
