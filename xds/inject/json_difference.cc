#include "inject/json_difference.h"

#include <boost/json/value.hpp>
#include <string>

namespace remora::inject {
namespace {

namespace json = boost::json;

/// RFC 6901: "~" and "/" in a name are escaped.
std::string below(const std::string& path, std::string_view name) {
  std::string out = path + '/';
  for (const char c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

class Difference {
 public:
  json::array operations;

  void compare(const json::value& before, const json::value& after, const std::string& path) {
    if (before == after) return;
    if (before.is_object() && after.is_object()) {
      compare(before.get_object(), after.get_object(), path);
    } else if (before.is_array() && after.is_array() &&
               before.get_array().size() == after.get_array().size()) {
      for (size_t i = 0; i < after.get_array().size(); ++i)
        compare(before.get_array()[i], after.get_array()[i], path + '/' + std::to_string(i));
    } else {
      operations.push_back(json::object{{"op", "replace"}, {"path", path}, {"value", after}});
    }
  }

  void compare(const json::object& before, const json::object& after, const std::string& path) {
    for (const auto& [name, value] : before) {
      if (!after.contains(name)) {
        operations.push_back(json::object{{"op", "remove"}, {"path", below(path, name)}});
      }
    }
    for (const auto& [name, value] : after) {
      const json::value* old = before.if_contains(name);
      if (old != nullptr) {
        compare(*old, value, below(path, name));
      } else {
        operations.push_back(json::object{{"op", "add"}, {"path", below(path, name)}, {"value", value}});
      }
    }
  }
};

}  // namespace

json::array difference(const json::object& before, const json::object& after) {
  Difference difference;
  difference.compare(before, after, "");
  return std::move(difference.operations);
}

}  // namespace remora::inject
