#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/kinds.h"

namespace remora::kube {

struct Schema;
using SchemaPtr = std::shared_ptr<const Schema>;

/// A field of an object that has fixed names.
struct SchemaField {
  std::string name;
  bool required = false;
  std::string description;   ///< of the field; empty: see its schema's
  std::string default_text;  ///< of a field that is part of a list's key: what its absence means
  SchemaPtr schema;
};

/// What a value may be. One description serves validation, kubectl explain, both kinds of merging and field
/// ownership.
struct Schema {
  enum class Type {
    kString,
    kInteger,
    kNumber,
    kBoolean,
    kIntOrString,
    kObject,  ///< `fields`, and no others
    kMap,     ///< any names, with values as `items`
    kList,    ///< of `items`
    kAny,     ///< not looked into
  };
  /// How a list's items are told apart by who merges.
  enum class ListType { kAtomic, kSet, kMap };

  Type type = Type::kAny;
  std::string format;  ///< "int32", "int64", "date-time", ...
  std::string description;
  std::vector<std::string> words;  ///< a string must be one of them, unless there are none
  std::vector<SchemaField> fields;
  SchemaPtr items;
  bool atomic = false;  ///< an object or map that is replaced and owned as a whole
  bool open = false;    ///< an object that may have other fields, which are not looked into

  ListType list_type = ListType::kAtomic;
  std::vector<std::string> keys;         ///< of a kMap list: the fields that identify an item
  std::vector<std::string> sorted_keys;  ///< the same, in the order in which paths name them
  std::string merge_key;                 ///< the field by which a strategic merge identifies an item
  bool retain_keys = false;  ///< a strategic merge may come with $retainKeys: only one member counts

  const SchemaField* find(std::string_view name) const;
};

/// The whole object of a kind, apiVersion, kind and metadata included. There is one for every kind that the
/// store keeps; it lives for ever.
const Schema& schema_of(const store::Kind& kind);

}  // namespace remora::kube
