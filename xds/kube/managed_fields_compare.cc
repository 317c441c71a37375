#include "kube/managed_fields_compare.h"

#include <algorithm>
#include <boost/json/value.hpp>
#include <vector>

#include "kube/managed_fields_typed.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

class Comparer {
 public:
  /// At most one of the two is null. What is found goes into the nodes of their common path.
  void compare(const json::value* before, const json::value* after, const Schema* schema, Comparison& node) {
    const Shape was = shape_of(before, schema);
    const Shape is = shape_of(after, schema);
    if (before != nullptr && after != nullptr && was != is) {
      node.removed = field_set(*before, schema);
      node.added = field_set(*after, schema);
      node.removed.member = node.added.member = false;
      node.modified.member = true;
      return;
    }
    const Shape shape = after != nullptr ? is : was;
    if (shape == Shape::kLeaf || (holds_nothing(before) && holds_nothing(after)))
      return leaf(before, after, node);
    if (shape == Shape::kMembers) {
      members(before, after, schema, node);
    } else {
      items(before, after, *schema, node);
    }
    if (before == nullptr) node.added.member = true;
    if (after == nullptr) node.removed.member = true;
  }

 private:
  static void leaf(const json::value* before, const json::value* after, Comparison& node) {
    if (before == nullptr) {
      node.added.member = true;
    } else if (after == nullptr) {
      node.removed.member = true;
    } else if (*before != *after) {
      node.modified.member = true;
    }
  }

  /// Compares what lies below `element`, and files what it finds there.
  void child(const std::string& element, const json::value* before, const json::value* after,
             const Schema* schema, Comparison& node) {
    Comparison below;
    compare(before, after, schema, below);
    file(element, std::move(below.added), node.added);
    file(element, std::move(below.modified), node.modified);
    file(element, std::move(below.removed), node.removed);
  }

  static void file(const std::string& element, FieldSet below, FieldSet& set) {
    if (below.empty()) return;
    FieldSet& there = set.children[element];
    there = unite(std::move(there), below);
  }

  void members(const json::value* before, const json::value* after, const Schema* schema, Comparison& node) {
    static const json::object kNone;
    const json::object& old = before != nullptr ? before->get_object() : kNone;
    const json::object& now = after != nullptr ? after->get_object() : kNone;
    for (const auto& member : old) {
      const std::string element = "f:" + std::string(member.key());
      child(element, &member.value(), now.if_contains(member.key()), schema_below(schema, element), node);
    }
    for (const auto& member : now) {
      if (old.contains(member.key())) continue;
      const std::string element = "f:" + std::string(member.key());
      child(element, nullptr, &member.value(), schema_below(schema, element), node);
    }
  }

  using Group = std::vector<const json::value*>;

  void items(const json::value* before, const json::value* after, const Schema& schema, Comparison& node) {
    std::map<std::string, std::pair<Group, Group>> groups;
    if (before != nullptr) {
      for (const json::value& item : before->get_array())
        groups[element_of(item, schema)].first.push_back(&item);
    }
    if (after != nullptr) {
      for (const json::value& item : after->get_array())
        groups[element_of(item, schema)].second.push_back(&item);
    }
    for (const auto& [element, pair] : groups) {
      const auto& [old, now] = pair;
      if (old.size() <= 1 && now.size() <= 1) {
        child(element, old.empty() ? nullptr : old[0], now.empty() ? nullptr : now[0], schema.items.get(),
              node);
      } else {
        duplicates(element, old, now, schema, node);
      }
    }
  }

  /// Items that are there twice have no parts; one that is there once has.
  void duplicates(const std::string& element, const Group& old, const Group& now, const Schema& schema,
                  Comparison& node) {
    if (old.size() > 1 && now.size() > 1) {
      const bool same = std::equal(old.begin(), old.end(), now.begin(), now.end(),
                                   [](const json::value* a, const json::value* b) { return *a == *b; });
      if (!same) node.modified.children[element].member = true;
    } else if (old.size() > 1) {
      if (!now.empty()) child(element, nullptr, now[0], schema.items.get(), node);
      node.removed.children[element].member = true;
    } else {
      if (!old.empty()) child(element, old[0], nullptr, schema.items.get(), node);
      node.added.children[element].member = true;
    }
  }
};

}  // namespace

Comparison compare(const json::value& before, const json::value& after, const Schema& schema) {
  Comparison comparison;
  Comparer().compare(&before, &after, &schema, comparison);
  return comparison;
}

}  // namespace remora::kube
