#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "inject/injector.h"
#include "store/yaml.h"

namespace remora::inject::testing {

/// An object written as YAML.
inline boost::json::object object(const std::string& yaml) { return store::from_yaml(yaml)->as_object(); }

/// A pod of one container, with further lines of its metadata and spec.
inline boost::json::object pod(const std::string& metadata = "", const std::string& container = "",
                               const std::string& spec = "") {
  return object("metadata:\n  name: web\n  labels: {app: web}\n" + metadata +
                "spec:\n  containers:\n  - name: app\n    image: web:1\n    ports:\n"
                "    - {name: http, containerPort: 8080}\n" +
                container + spec);
}

/// What a path of names and positions leads to ("/spec/containers/0/image"); null where it leads nowhere.
inline boost::json::value at(const boost::json::object& object, std::string_view path) {
  boost::system::error_code error;
  const boost::json::value whole = object;
  const auto* found = whole.find_pointer(path, error);
  return found == nullptr ? boost::json::value() : *found;
}

inline std::string text_at(const boost::json::object& object, std::string_view path) {
  const boost::json::value value = at(object, path);
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

}  // namespace remora::inject::testing
