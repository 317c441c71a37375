#include "inject/overrides.h"

#include <algorithm>
#include <boost/json/value.hpp>

#include "inject/json_access.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

void lay_over(json::object& ours, const json::object& theirs);

/// Items with the same key are one; others are added.
void merge_list(json::array& ours, const json::array& theirs, std::string_view key) {
  for (const json::value& item : theirs) {
    const json::object* given = item.if_object();
    const auto found = std::find_if(ours.begin(), ours.end(), [&](const json::value& own) {
      return given != nullptr && own.is_object() &&
             find_text(own.get_object(), key) == find_text(*given, key);
    });
    if (found == ours.end()) {
      ours.push_back(item);
    } else {
      *found = item;
    }
  }
}

void lay_over(json::object& ours, const json::object& theirs) {
  for (const auto& [name, value] : theirs) {
    const bool list = value.is_array() && ours.contains(name) && ours[name].is_array();
    if (value.is_object() && ours.contains(name) && ours[name].is_object()) {
      lay_over(ours[name].get_object(), value.get_object());
    } else if (list && (name == "env" || name == "ports")) {
      merge_list(ours[name].get_array(), value.get_array(), "name");
    } else if (list && name == "volumeMounts") {
      merge_list(ours[name].get_array(), value.get_array(), "mountPath");
    } else {
      ours[name] = value;
    }
  }
}

}  // namespace

Result<void> take_overrides(json::array& containers, const std::string& name, json::object& ours) {
  const auto found = std::find_if(containers.begin(), containers.end(), [&](const json::value& item) {
    return item.is_object() && find_text(item.get_object(), "name") == name;
  });
  if (found == containers.end()) return {};
  json::object theirs = found->get_object();
  containers.erase(found);
  if (find_text(theirs, "image") == "auto") theirs.erase("image");
  for (const char* owned : {"command", "args"}) {
    if (theirs.contains(owned)) {
      return Error{"container " + name + ": " + owned +
                   ": the sidecar's own; annotations change what it does"};
    }
  }
  lay_over(ours, theirs);
  return {};
}

}  // namespace remora::inject
