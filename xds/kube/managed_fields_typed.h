#pragma once

#include <boost/json/fwd.hpp>
#include <string>

#include "kube/managed_fields_set.h"
#include "kube/schema.h"

namespace remora::kube {

/// How ownership sees a value: as one thing, or as parts that can have owners of their own.
enum class Shape {
  kLeaf,        ///< scalars, and what the schema calls atomic
  kMembers,     ///< an object, part by part
  kKeyedItems,  ///< a list whose items are told apart by keys
  kSetItems,    ///< a list of scalars without order
};

/// What is known of a value; both pointers may be null: of a value that is not there, or of an unknown field
/// (objects then have members, lists are leaves).
Shape shape_of(const boost::json::value* value, const Schema* schema);

/// Whether it is absent, null or an empty container.
bool holds_nothing(const boost::json::value* value);

/// The schema below a path element; null where it is not known.
const Schema* schema_below(const Schema* schema, const std::string& element);

/// The path element of a list's item: by the schema's keys with their defaults, or by its value. Empty where
/// it has none of them.
std::string element_of(const boost::json::value& item, const Schema& list);

/// All that a value holds.
FieldSet field_set(const boost::json::value& value, const Schema* schema);

/// The set with the paths of named fields that it passes through: an owner of a.b.c also holds a, where a is
/// a field that the schema names.
FieldSet with_named_fields(FieldSet set, const Schema* schema);

/// What a container becomes whose last part is taken out.
enum class Emptied { kStays, kBecomesNull };

/// Takes the values at the set's paths out, with all that is below them.
void remove_fields(boost::json::value& value, const FieldSet& set, const Schema* schema, Emptied emptied);

}  // namespace remora::kube
