#include "rollout/json_fields.h"

#include <boost/json/value.hpp>

namespace remora::rollout {

std::string text_of(const boost::json::object& json, std::string_view name) {
  const auto* value = json.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

int64_t integer_of(const boost::json::object& json, std::string_view name, int64_t otherwise) {
  const auto number = number_of(json, name);
  return number && *number > -1e15 && *number < 1e15 ? static_cast<int64_t>(*number) : otherwise;
}

std::optional<double> number_of(const boost::json::object& json, std::string_view name) {
  const auto* value = json.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = value->if_int64()) return static_cast<double>(*number);
  if (const auto* number = value->if_uint64()) return static_cast<double>(*number);
  if (const auto* number = value->if_double()) return *number;
  return std::nullopt;
}

bool flag_of(const boost::json::object& json, std::string_view name) {
  const auto* value = json.if_contains(name);
  const auto* flag = value == nullptr ? nullptr : value->if_bool();
  return flag != nullptr && *flag;
}

const boost::json::object* object_of(const boost::json::object& json, std::string_view name) {
  const auto* value = json.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

const boost::json::object& part_of(const boost::json::object& json, std::string_view name) {
  static const boost::json::object kNone;
  const auto* found = object_of(json, name);
  return found == nullptr ? kNone : *found;
}

const boost::json::array* array_of(const boost::json::object& json, std::string_view name) {
  const auto* value = json.if_contains(name);
  return value == nullptr ? nullptr : value->if_array();
}

boost::json::object& object_in(boost::json::object& parent, std::string_view name) {
  boost::json::value& value = parent[name];
  return value.is_object() ? value.get_object() : value.emplace_object();
}

}  // namespace remora::rollout
