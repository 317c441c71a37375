#include "kube/strategic_list.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace remora::kube {
namespace {

namespace json = boost::json;

using Places = std::unordered_map<std::string, size_t>;

Result<Places> places_of(const json::array& list, const std::string& merge_key) {
  Places places;
  for (size_t i = 0; i < list.size(); ++i) {
    auto identity = item_identity(list[i], merge_key);
    if (!identity) return identity.error();
    places.emplace(std::move(*identity), i);
  }
  return places;
}

struct Item {
  json::value value;
  size_t wanted = 0;          ///< its place in the client's order
  std::optional<size_t> was;  ///< its place before
};

/// Puts `others` between `ordered`: before the first that stood after it.
json::array interleave(std::vector<Item>& others, std::vector<Item>& ordered) {
  json::array out;
  size_t i = 0;
  size_t j = 0;
  while (i < others.size() || j < ordered.size()) {
    const bool other = j == ordered.size() || (i < others.size() && others[i].was && ordered[j].was &&
                                               *others[i].was < *ordered[j].was);
    out.push_back(std::move(other ? others[i++].value : ordered[j++].value));
  }
  return out;
}

}  // namespace

Result<std::string> item_identity(const json::value& item, const std::string& merge_key) {
  const auto* object = item.if_object();
  if (object == nullptr) {
    if (item.is_array()) return Error{"lists of lists cannot be merged"};
    return json::serialize(item);
  }
  if (merge_key.empty()) return Error{"cannot merge lists of objects without a merge key"};
  const json::value* key = object->if_contains(merge_key);
  if (key == nullptr || key->is_structured()) {
    return Error{"map: " + json::serialize(item).substr(0, 200) +
                 " does not contain declared merge key: " + merge_key};
  }
  return json::serialize(*key);
}

Result<json::array> in_order(json::array list, const json::array& order, const json::array& before,
                             const std::string& merge_key) {
  const auto wanted = places_of(order, merge_key);
  if (!wanted) return wanted.error();
  const auto was = places_of(before, merge_key);
  if (!was) return was.error();
  std::vector<Item> ordered;
  std::vector<Item> others;
  for (json::value& value : list) {
    const auto identity = item_identity(value, merge_key);
    if (!identity) return identity.error();
    Item item;
    item.value = std::move(value);
    if (const auto found = was->find(*identity); found != was->end()) item.was = found->second;
    const auto place = wanted->find(*identity);
    if (place != wanted->end()) item.wanted = place->second;
    (place != wanted->end() ? ordered : others).push_back(std::move(item));
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Item& a, const Item& b) { return a.wanted < b.wanted; });
  return interleave(others, ordered);
}

}  // namespace remora::kube
