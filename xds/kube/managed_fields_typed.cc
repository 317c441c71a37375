#include "kube/managed_fields_typed.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "kube/json_members.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using Type = Schema::Type;

/// A field that the schema names, in contrast to a key of a map.
bool is_named(const Schema* schema, std::string_view name) {
  return schema != nullptr && schema->type == Type::kObject && schema->find(name) != nullptr;
}

void collect(const json::value& value, const Schema* schema, FieldSet& node);

void collect_members(const json::object& object, const Schema* schema, FieldSet& node) {
  for (const auto& member : object) {
    const std::string element = "f:" + std::string(member.key());
    FieldSet child;
    collect(member.value(), schema_below(schema, element), child);
    const json::object* inner = member.value().if_object();
    if (member.value().is_null() || (inner != nullptr && inner->empty()) || !is_named(schema, member.key())) {
      child.member = true;
    }
    if (!child.empty()) node.children.emplace(element, std::move(child));
  }
}

void collect_items(const json::array& list, const Schema& schema, FieldSet& node) {
  for (const json::value& item : list) {
    auto [child, added] = node.children.try_emplace(element_of(item, schema));
    if (added) {
      collect(item, schema.items.get(), child->second);
    } else {
      child->second.children.clear();  // twice: nobody owns parts of it
    }
    child->second.member = true;
  }
}

void collect(const json::value& value, const Schema* schema, FieldSet& node) {
  switch (shape_of(&value, schema)) {
    case Shape::kLeaf: node.member = true; return;
    case Shape::kMembers: return collect_members(value.get_object(), schema, node);
    case Shape::kKeyedItems:
    case Shape::kSetItems: return collect_items(value.get_array(), *schema, node);
  }
}

}  // namespace

bool holds_nothing(const json::value* value) {
  if (value == nullptr || value->is_null()) return true;
  if (const auto* object = value->if_object()) return object->empty();
  const auto* array = value->if_array();
  return array != nullptr && array->empty();
}

Shape shape_of(const json::value* value, const Schema* schema) {
  if (value == nullptr) return Shape::kLeaf;
  if (value->is_object()) {
    const bool parts = schema == nullptr || schema->type == Type::kAny || schema->type == Type::kObject ||
                       schema->type == Type::kMap;
    return parts && (schema == nullptr || !schema->atomic) ? Shape::kMembers : Shape::kLeaf;
  }
  if (!value->is_array() || schema == nullptr || schema->type != Type::kList) return Shape::kLeaf;
  if (schema->list_type == Schema::ListType::kMap) return Shape::kKeyedItems;
  return schema->list_type == Schema::ListType::kSet ? Shape::kSetItems : Shape::kLeaf;
}

const Schema* schema_below(const Schema* schema, const std::string& element) {
  if (schema == nullptr) return nullptr;
  if (!element.starts_with("f:") || schema->type == Type::kMap) return schema->items.get();
  const SchemaField* field = schema->find(std::string_view(element).substr(2));
  return field != nullptr ? field->schema.get() : nullptr;
}

std::string element_of(const json::value& item, const Schema& list) {
  const auto* object = item.if_object();
  if (list.list_type != Schema::ListType::kMap || object == nullptr) return "v:" + json::serialize(item);
  std::string element = "k:{";
  for (const std::string& name : list.sorted_keys) {
    const json::value* value = object->if_contains(name);
    const SchemaField* field = value == nullptr || value->is_null() ? list.items->find(name) : nullptr;
    const bool has_default = field != nullptr && !field->default_text.empty();
    if ((value == nullptr || value->is_null()) && !has_default) continue;
    if (element.back() != '{') element += ',';
    element.append(1, '"').append(name).append("\":");
    element += has_default ? '"' + field->default_text + '"' : json::serialize(*value);
  }
  return element + '}';
}

FieldSet field_set(const json::value& value, const Schema* schema) {
  FieldSet set;
  collect(value, schema, set);
  return set;
}

FieldSet with_named_fields(FieldSet set, const Schema* schema) {
  for (auto& [element, child] : set.children) {
    if (!child.children.empty() && element.starts_with("f:") &&
        is_named(schema, std::string_view(element).substr(2))) {
      child.member = true;
    }
    child = with_named_fields(std::move(child), schema_below(schema, element));
  }
  return set;
}

void remove_fields(json::value& value, const FieldSet& set, const Schema* schema, Emptied emptied) {
  const Shape shape = shape_of(&value, schema);
  if (shape == Shape::kLeaf || holds_nothing(&value)) return;
  if (shape == Shape::kMembers) {
    erase_members(value.get_object(), [&](auto& member) {
      const std::string element = "f:" + std::string(member.key());
      const FieldSet* below = set.find(element);
      if (below == nullptr || below->member) return below != nullptr;
      remove_fields(member.value(), *below, schema_below(schema, element), emptied);
      return false;
    });
    if (holds_nothing(&value) && emptied == Emptied::kBecomesNull) value = nullptr;
    return;
  }
  json::array kept;
  for (json::value& item : value.get_array()) {
    const FieldSet* below = set.find(element_of(item, *schema));
    if (below != nullptr && below->member) continue;
    if (below != nullptr) remove_fields(item, *below, schema->items.get(), emptied);
    kept.push_back(std::move(item));
  }
  value = std::move(kept);
  if (holds_nothing(&value) && emptied == Emptied::kBecomesNull) value = nullptr;
}

}  // namespace remora::kube
