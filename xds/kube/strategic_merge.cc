#include "kube/strategic_merge.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kube/json_members.h"
#include "kube/schema.h"
#include "kube/strategic_list.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

constexpr std::string_view kDirective = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kElementOrder = "$setElementOrder/";
constexpr std::string_view kDeleteFromList = "$deleteFromPrimitiveList/";

/// The schema of a field; null where it is not known, and then objects merge and lists replace.
const Schema* member_schema(const Schema* schema, std::string_view name) {
  if (schema == nullptr) return nullptr;
  if (schema->type == Schema::Type::kMap) return schema->items.get();
  const SchemaField* field = schema->find(name);
  return field != nullptr ? field->schema.get() : nullptr;
}

bool merges(const Schema* schema) {
  return schema != nullptr && schema->type == Schema::Type::kList &&
         schema->list_type != Schema::ListType::kAtomic;
}

std::string_view directive_of(const json::value& value) {
  const auto* object = value.if_object();
  const json::value* directive = object != nullptr ? object->if_contains(kDirective) : nullptr;
  if (directive == nullptr) return {};
  return directive->is_string() ? std::string_view(directive->get_string()) : "?";
}

Error unknown_directive(std::string_view directive) {
  return {"Unknown patch type found: " + std::string(directive.substr(0, 100))};
}

json::array array_or_empty(const json::value* value) {
  return value != nullptr && value->is_array() ? value->get_array() : json::array();
}

Result<void> merge_value(json::value& target, const json::value& patch, const Schema* schema);

/// Only the members that $retainKeys names stay; the patch may set no others.
Result<void> retain_keys(json::object& target, const json::object& patch) {
  const json::value* list = patch.if_contains(kRetainKeys);
  if (list == nullptr) return {};
  if (!list->is_array()) return Error{"$retainKeys must be a list of field names"};
  std::set<std::string, std::less<>> kept;
  for (const json::value& name : list->get_array()) {
    if (!name.is_string()) return Error{"$retainKeys must be a list of field names"};
    kept.emplace(name.get_string());
  }
  for (const auto& member : patch) {
    if (member.key().starts_with('$') || member.value().is_null() || kept.contains(member.key())) continue;
    return Error{"the field \"" + std::string(member.key()) + "\" of the patch is not among its $retainKeys"};
  }
  erase_members(target, [&](const auto& member) { return !kept.contains(member.key()); });
  return {};
}

/// Takes from `target` what `patch` marks with $patch: delete. True where an item says $patch: replace: then
/// the list becomes what else the patch holds.
Result<bool> obey_directives(json::array& target, const json::array& patch, const Schema& schema) {
  std::set<std::string> deleted;
  bool replaces = false;
  for (const json::value& item : patch) {
    const std::string_view directive = directive_of(item);
    if (directive.empty()) continue;
    if (directive == "replace") {
      replaces = true;
    } else if (directive == "delete") {
      auto identity = item_identity(item, schema.merge_key);
      if (!identity) return Error{"delete patch type with no merge key defined: " + identity.error().message};
      deleted.insert(std::move(*identity));
    } else {
      return unknown_directive(directive);
    }
  }
  if (deleted.empty()) return replaces;
  json::array kept;
  for (json::value& item : target) {
    const auto identity = item_identity(item, schema.merge_key);
    if (!identity || !deleted.contains(*identity)) kept.push_back(std::move(item));
  }
  target = std::move(kept);
  return replaces;
}

Result<json::array> merge_list(json::array target, const json::array& patch, const Schema& schema) {
  const json::array before = target;
  const auto replaces = obey_directives(target, patch, schema);
  if (!replaces) return replaces.error();
  if (*replaces) target.clear();
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < target.size(); ++i) {
    auto identity = item_identity(target[i], schema.merge_key);
    if (!identity) return identity.error();
    places.emplace(std::move(*identity), i);
  }
  json::array named;  // what the patch holds besides directives
  for (const json::value& item : patch) {
    if (!directive_of(item).empty()) continue;
    named.push_back(item);
    auto identity = item_identity(item, schema.merge_key);
    if (!identity) return identity.error();
    const auto [place, added] = places.emplace(std::move(*identity), target.size());
    if (added) target.emplace_back(nullptr);
    if (auto done = merge_value(target[place->second], item, schema.items.get()); !done) return done.error();
  }
  return in_order(std::move(target), named, before, schema.merge_key);
}

/// The changes must come in the order that the patch gives, and be all part of it.
Result<void> check_order(const json::array& changes, const json::array& order, const Schema& list) {
  size_t at = 0;
  for (const json::value& item : changes) {
    if (!directive_of(item).empty()) continue;
    const auto identity = item_identity(item, list.merge_key);
    if (!identity) return identity.error();
    for (; at < order.size(); ++at) {
      const auto wanted = item_identity(order[at], list.merge_key);
      if (!wanted) return wanted.error();
      if (*wanted == *identity) break;
    }
    if (at++ == order.size())
      return Error{"the order of the patch's items doesn't match its $setElementOrder"};
  }
  return {};
}

/// The lists whose order the patch gives, each together with its changes.
Result<void> merge_ordered_lists(json::object& target, const json::object& patch, const Schema* schema,
                                 std::set<std::string, std::less<>>& done) {
  for (const auto& member : patch) {
    if (!member.key().starts_with(kElementOrder)) continue;
    const std::string name(member.key().substr(kElementOrder.size()));
    const Schema* list = member_schema(schema, name);
    if (!member.value().is_array()) return Error{std::string(member.key()) + " must be a list"};
    if (!merges(list))
      return Error{std::string(member.key()) + " is for lists that merge, and \"" + name + "\" does not"};
    const json::value* changes = patch.if_contains(name);
    if (changes != nullptr && !changes->is_array()) continue;  // null: the list goes
    const json::array before = array_or_empty(target.if_contains(name));
    if (before.empty() && changes == nullptr) continue;
    const json::array& order = member.value().get_array();
    if (auto checked = check_order(array_or_empty(changes), order, *list); !checked) {
      return Error(checked.error()).in(name);
    }
    auto merged = merge_list(before, array_or_empty(changes), *list);
    if (!merged) return Error(merged.error()).in(name);
    auto ordered = in_order(std::move(*merged), order, before, list->merge_key);
    if (!ordered) return Error(ordered.error()).in(member.key());
    target[name] = std::move(*ordered);
    done.insert(name);
  }
  return {};
}

Result<void> delete_from_lists(json::object& target, const json::object& patch) {
  for (const auto& member : patch) {
    if (!member.key().starts_with(kDeleteFromList)) continue;
    if (!member.value().is_array()) return Error{std::string(member.key()) + " must be a list"};
    json::value* list = target.if_contains(member.key().substr(kDeleteFromList.size()));
    if (list == nullptr || !list->is_array()) continue;
    std::set<std::string> gone;
    for (const json::value& item : member.value().get_array()) gone.insert(json::serialize(item));
    json::array kept;
    for (json::value& item : list->get_array()) {
      if (item.is_structured() || !gone.contains(json::serialize(item))) kept.push_back(std::move(item));
    }
    *list = std::move(kept);
  }
  return {};
}

Result<void> merge_members(json::object& target, const json::object& patch, const Schema* schema,
                           const std::set<std::string, std::less<>>& done) {
  std::set<std::string_view> removed;
  for (const auto& member : patch) {
    if (member.key().starts_with('$')) {
      const bool known = member.key() == kDirective || member.key() == kRetainKeys ||
                         member.key().starts_with(kElementOrder) || member.key().starts_with(kDeleteFromList);
      if (!known) return Error{"unknown directive \"" + std::string(member.key().substr(0, 100)) + '"'};
      continue;
    }
    if (done.contains(member.key())) continue;
    if (member.value().is_null()) {
      removed.insert(member.key());
      continue;
    }
    auto merged = merge_value(target[member.key()], member.value(), member_schema(schema, member.key()));
    if (!merged) return Error(merged.error()).in(member.key());
  }
  if (!removed.empty()) {
    erase_members(target, [&](const auto& member) { return removed.contains(member.key()); });
  }
  return {};
}

Result<void> merge_object(json::value& target, const json::object& patch, const Schema* schema) {
  if (!target.is_object()) target = json::object{};
  if (const json::value* directive = patch.if_contains(kDirective)) {
    if (*directive == "replace" || *directive == "delete") {
      target = json::object{};
      if (*directive == "delete") return {};
    } else if (*directive != "merge") {
      return unknown_directive(directive->is_string() ? directive->get_string() : "?");
    }
  }
  json::object& object = target.get_object();
  if (auto kept = retain_keys(object, patch); !kept) return kept;
  if (auto deleted = delete_from_lists(object, patch); !deleted) return deleted;
  std::set<std::string, std::less<>> done;
  if (auto ordered = merge_ordered_lists(object, patch, schema, done); !ordered) return ordered;
  return merge_members(object, patch, schema, done);
}

Result<void> merge_value(json::value& target, const json::value& patch, const Schema* schema) {
  if (const auto* object = patch.if_object()) return merge_object(target, *object, schema);
  if (const auto* list = patch.if_array(); list != nullptr && merges(schema)) {
    auto merged = merge_list(array_or_empty(&target), *list, *schema);
    if (!merged) return merged.error();
    target = std::move(*merged);
    return {};
  }
  target = patch;
  return {};
}

}  // namespace

Result<void> strategic_merge(const store::Kind& kind, json::value& target, const json::value& patch) {
  return merge_value(target, patch, &schema_of(kind));
}

}  // namespace remora::kube
