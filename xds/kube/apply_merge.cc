#include "kube/apply_merge.h"

#include <boost/json/value.hpp>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>

#include "kube/managed_fields_set.h"
#include "kube/managed_fields_typed.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using Type = Schema::Type;

constexpr size_t kMaxFaults = 32;

class FaultFinder {
 public:
  void check(const json::value& value, const Schema& schema, const std::string& path) {
    if (value.is_null() || schema.type == Type::kAny || faults.size() >= kMaxFaults) return;
    switch (schema.type) {
      case Type::kObject:
      case Type::kMap:
        if (!value.is_object()) return fault(path, "expected map");
        return check_members(value.get_object(), schema, path);
      case Type::kList:
        if (!value.is_array()) return fault(path, "expected list");
        return check_items(value.get_array(), schema, path);
      default:
        if (value.is_structured()) fault(path, "expected a scalar");
    }
  }

  std::vector<std::string> faults;

 private:
  void check_members(const json::object& object, const Schema& schema, const std::string& path) {
    for (const auto& member : object) {
      const std::string name(member.key());
      const Schema* below = schema_below(&schema, "f:" + name);
      if (below != nullptr) {
        check(member.value(), *below, path + '.' + name);
      } else if (!schema.open) {
        fault(path + '.' + name, "field not declared in schema");
      }
    }
  }

  void check_items(const json::array& list, const Schema& schema, const std::string& path) {
    std::set<std::string> seen;
    for (size_t i = 0; i < list.size() && faults.size() < kMaxFaults; ++i) {
      std::string item = path + '[' + std::to_string(i) + ']';
      if (schema.list_type != Schema::ListType::kAtomic) {
        const std::string element = element_of(list[i], schema);
        const bool keyed = schema.list_type == Schema::ListType::kMap;
        if (list[i].is_null() || list[i].is_object() != keyed || list[i].is_array() || element == "k:{}") {
          fault(path, "element " + std::to_string(i) +
                          (keyed ? ": has none of the list's key fields" : ": is no scalar"));
          continue;
        }
        FieldSet place;
        place.add({element});
        for_each_path(place, [&](const std::string& text) { item = path + text; });
        if (!seen.insert(element).second)
          fault(path, "duplicate entries for key " + item.substr(path.size()));
      }
      check(list[i], *schema.items, item);
    }
  }

  void fault(const std::string& path, const std::string& what) {
    if (faults.size() < kMaxFaults) faults.push_back((path.empty() ? "." : path) + ": " + what);
  }
};

/// Where an item stands that was not there before, or where there is none any more.
constexpr size_t kNowhere = std::numeric_limits<size_t>::max();

struct Item {
  json::value value;
  size_t was = kNowhere;
};

/// Both in their order; an item of `others` comes as soon as all shared items that stood before it are there.
json::array interleave(std::vector<Item> others, std::vector<Item> wanted) {
  json::array out;
  size_t i = 0;
  size_t shared = 0;  // the next wanted item that was there before
  for (size_t j = 0; i < others.size() || j < wanted.size();) {
    shared = std::max(shared, j);
    while (shared < wanted.size() && wanted[shared].was == kNowhere) ++shared;
    const bool free = shared == wanted.size() || (i < others.size() && others[i].was < wanted[shared].was);
    out.push_back(std::move(i < others.size() && free ? others[i++].value : wanted[j++].value));
  }
  return out;
}

void merge_items(json::array& target, const json::array& applied, const Schema& schema) {
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < target.size(); ++i) places.emplace(element_of(target[i], schema), i);
  std::vector<Item> wanted;
  std::vector<bool> taken(target.size(), false);
  for (const json::value& item : applied) {
    const auto place = places.find(element_of(item, schema));
    if (place == places.end()) {
      wanted.push_back({item, kNowhere});
      continue;
    }
    taken[place->second] = true;
    wanted.push_back({std::move(target[place->second]), place->second});
    apply_merge(wanted.back().value, item, schema.items.get());
  }
  std::vector<Item> others;
  for (size_t i = 0; i < target.size(); ++i) {
    if (!taken[i]) others.push_back({std::move(target[i]), i});
  }
  target = interleave(std::move(others), std::move(wanted));
}

}  // namespace

std::vector<std::string> apply_faults(const json::value& applied, const Schema& schema) {
  FaultFinder finder;
  finder.check(applied, schema, "");
  return std::move(finder.faults);
}

void apply_merge(json::value& target, const json::value& applied, const Schema* schema) {
  const Shape shape = shape_of(&applied, schema);
  if (shape == Shape::kLeaf || shape_of(&target, schema) != shape) {
    target = applied;
  } else if (shape == Shape::kMembers) {
    for (const auto& member : applied.get_object()) {
      json::object& object = target.get_object();
      const Schema* below = schema_below(schema, "f:" + std::string(member.key()));
      const auto [there, added] = object.emplace(member.key(), nullptr);
      if (added) {
        there->value() = member.value();
      } else {
        apply_merge(there->value(), member.value(), below);
      }
    }
  } else {
    merge_items(target.get_array(), applied.get_array(), *schema);
  }
}

}  // namespace remora::kube
