#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <string>

#include "remora/core/result.h"

namespace remora::kube {

/// A set of paths into an object, as a tree: Kubernetes' FieldsV1. A node is the set of what lies below one
/// path. The elements of paths are spelt as there: "f:spec" (a field), `k:{"name":"x"}` (an item of a list
/// that merges by keys), `v:"x"` (an item of a list of scalars).
struct FieldSet {
  bool member = false;  ///< the node's own path is in the set
  std::map<std::string, FieldSet, std::less<>> children;

  bool empty() const { return !member && children.empty(); }
  bool operator==(const FieldSet&) const = default;

  /// The node below `element`; null where there is nothing.
  const FieldSet* find(const std::string& element) const;
  /// Adds the path of these elements.
  void add(std::initializer_list<std::string> path);
};

FieldSet unite(FieldSet a, const FieldSet& b);
FieldSet intersect(const FieldSet& a, const FieldSet& b);
FieldSet subtract(FieldSet a, const FieldSet& b);

/// Calls back with every path of the set in the form of messages: `.spec.ports[port=80,protocol="TCP"].name`.
void for_each_path(const FieldSet& set, const std::function<void(const std::string&)>& visit);

boost::json::object to_fields_v1(const FieldSet& set);
Result<FieldSet> from_fields_v1(const boost::json::value& fields);

}  // namespace remora::kube
