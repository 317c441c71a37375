#include "kube/apply_merge.h"

#include <boost/json/value.hpp>
#include <limits>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "kube/managed_fields_set.h"
#include "kube/managed_fields_typed.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using Type = Schema::Type;

constexpr size_t kMaxFaults = 32;

/// Paths are put together on the way back up, and only where there is a fault.
class FaultFinder {
 public:
  void check(const json::value& value, const Schema& schema) {
    if (value.is_null() || schema.type == Type::kAny || full()) return;
    switch (schema.type) {
      case Type::kObject:
      case Type::kMap:
        return value.is_object() ? check_members(value.get_object(), schema) : fault("expected map");
      case Type::kList:
        return value.is_array() ? check_items(value.get_array(), schema) : fault("expected list");
      default:
        if (value.is_structured()) fault("expected a scalar");
    }
  }

  /// `path: what`, each.
  std::vector<std::string> faults() const {
    std::vector<std::string> out;
    for (const auto& [path, what] : faults_) out.push_back((path.empty() ? "." : path) + ": " + what);
    return out;
  }

 private:
  void check_members(const json::object& object, const Schema& schema) {
    for (const auto& member : object) {
      const std::string element = "f:" + std::string(member.key());
      const Schema* below = schema_below(&schema, element);
      const size_t before = faults_.size();
      if (below != nullptr) {
        check(member.value(), *below);
      } else if (!schema.open) {
        fault("field not declared in schema");
      }
      if (faults_.size() > before) put_in_front(path_of(element), before);
    }
  }

  void check_items(const json::array& list, const Schema& schema) {
    const bool keyed = schema.list_type == Schema::ListType::kMap;
    std::unordered_set<std::string> seen;
    for (size_t i = 0; i < list.size() && !full(); ++i) {
      const size_t before = faults_.size();
      if (schema.list_type == Schema::ListType::kAtomic) {
        check(list[i], *schema.items);
        if (faults_.size() > before) put_in_front('[' + std::to_string(i) + ']', before);
        continue;
      }
      const std::string element = element_of(list[i], schema);
      if (list[i].is_null() || list[i].is_object() != keyed || list[i].is_array() || element == "k:{}") {
        fault("element " + std::to_string(i) +
              (keyed ? ": has none of the list's key fields" : ": is no scalar"));
        continue;
      }
      if (!seen.insert(element).second) {
        fault("duplicate entries for key " + path_of(element));
        continue;
      }
      check(list[i], *schema.items);
      if (faults_.size() > before) put_in_front(path_of(element), before);
    }
  }

  static std::string path_of(const std::string& element) {
    FieldSet place;
    place.add({element});
    std::string text;
    for_each_path(place, [&](const std::string& path) { text = path; });
    return text;
  }

  bool full() const { return faults_.size() >= kMaxFaults; }
  void fault(std::string what) {
    if (!full()) faults_.emplace_back(std::string(), std::move(what));
  }
  void put_in_front(const std::string& path, size_t first) {
    for (size_t i = first; i < faults_.size(); ++i) faults_[i].first.insert(0, path);
  }

  std::vector<std::pair<std::string, std::string>> faults_;
};

/// Where an item stands in a list that it is not part of.
constexpr size_t kNowhere = std::numeric_limits<size_t>::max();

/// One item of a list, and its place in the other one.
struct Item {
  json::value value;
  size_t there = kNowhere;
};

/// Goes through both lists at once: `wanted` gives the order, and an item that is only in `present` comes
/// when the walk through `present` gets to it. That walk waits at the next item that both have.
json::array interleave(std::vector<Item> present, std::vector<Item> wanted) {
  json::array out;
  size_t at = 0;      // in present
  size_t shared = 0;  // the next of wanted that is in present, too
  const auto skip = [&] {
    while (shared < wanted.size() && wanted[shared].there == kNowhere) ++shared;
  };
  skip();
  for (size_t next = 0; at < present.size() || next < wanted.size();) {
    if (at < present.size() && present[at].there == kNowhere) {
      out.push_back(std::move(present[at++].value));
      continue;
    }
    const bool waits = next < wanted.size() && shared < wanted.size() && wanted[shared].there == at;
    if (at < present.size() && !waits) {
      ++at;
      continue;
    }
    if (wanted[next].there == at && at < present.size()) ++at;
    if (next == shared) ++shared, skip();
    out.push_back(std::move(wanted[next++].value));
  }
  return out;
}

void merge_items(json::array& target, const json::array& applied, const Schema& schema) {
  std::unordered_map<std::string, size_t> places;
  std::vector<Item> present;
  for (json::value& item : target) {
    places.emplace(element_of(item, schema), present.size());
    present.push_back({std::move(item), kNowhere});
  }
  std::vector<Item> wanted;
  for (const json::value& item : applied) {
    const auto place = places.find(element_of(item, schema));
    if (place == places.end()) {
      wanted.push_back({item, kNowhere});
      continue;
    }
    Item& same = present[place->second];
    same.there = wanted.size();
    wanted.push_back({std::move(same.value), place->second});
    apply_merge(wanted.back().value, item, schema.items.get());
  }
  target = interleave(std::move(present), std::move(wanted));
}

}  // namespace

std::vector<std::string> apply_faults(const json::value& applied, const Schema& schema) {
  FaultFinder finder;
  finder.check(applied, schema);
  return finder.faults();
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
