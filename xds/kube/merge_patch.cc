#include "kube/merge_patch.h"

#include <boost/json/value.hpp>

#include "kube/json_members.h"

namespace remora::kube {
namespace json = boost::json;

void merge_patch(json::value& target, const json::value& patch) {
  const auto* changes = patch.if_object();
  if (changes == nullptr) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = json::object{};
  json::object& object = target.get_object();
  bool removes = false;
  for (const auto& change : *changes) {
    if (!change.value().is_null()) {
      merge_patch(object[change.key()], change.value());
    } else if (object.contains(change.key())) {
      removes = true;
    }
  }
  if (!removes) return;
  erase_members(object, [&](const auto& member) {
    const json::value* change = changes->if_contains(member.key());
    return change != nullptr && change->is_null();
  });
}

json::value merge_diff(const json::value& from, const json::value& to) {
  const auto* before = from.if_object();
  const auto* after = to.if_object();
  if (before == nullptr || after == nullptr) return to;
  json::object patch;
  for (const auto& member : *before) {
    if (!after->contains(member.key())) patch[member.key()] = nullptr;
  }
  for (const auto& member : *after) {
    const json::value* old = before->if_contains(member.key());
    if (old == nullptr) {
      patch[member.key()] = member.value();
    } else if (*old != member.value()) {
      patch[member.key()] = merge_diff(*old, member.value());
    }
  }
  return patch;
}

}  // namespace remora::kube
