#include "inject/json_access.h"

#include <limits>

namespace remora::inject {

namespace json = boost::json;

const json::object* find_object(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

const json::array* find_array(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  return value == nullptr ? nullptr : value->if_array();
}

std::string find_text(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

int find_int(const json::object& in, std::string_view name, int otherwise) {
  const json::value* value = in.if_contains(name);
  if (value == nullptr || !value->is_number()) return otherwise;
  boost::system::error_code error;
  const auto number = value->to_number<int>(error);
  return error ? otherwise : number;
}

std::string text_below(const json::object& in, std::string_view parent, std::string_view name) {
  const json::object* object = find_object(in, parent);
  return object == nullptr ? std::string() : find_text(*object, name);
}

json::object& object_in(json::object& in, std::string_view name) {
  json::value& value = in[name];
  if (!value.is_object()) value.emplace_object();
  return value.get_object();
}

json::array& array_in(json::object& in, std::string_view name) {
  json::value& value = in[name];
  if (!value.is_array()) value.emplace_array();
  return value.get_array();
}

const json::object* named(const json::array* list, std::string_view name) {
  if (list == nullptr) return nullptr;
  for (const json::value& item : *list) {
    const json::object* object = item.if_object();
    if (object != nullptr && find_text(*object, "name") == name) return object;
  }
  return nullptr;
}

}  // namespace remora::inject
