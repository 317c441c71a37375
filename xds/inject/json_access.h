#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

// Kubernetes objects come from strangers: a member may be missing, null, or of any type.
namespace remora::inject {

/// The member called `name` where it is an object or list; else null.
const boost::json::object* find_object(const boost::json::object& in, std::string_view name);
const boost::json::array* find_array(const boost::json::object& in, std::string_view name);
/// A string; empty where there is none.
std::string find_text(const boost::json::object& in, std::string_view name);
/// A whole number; `otherwise` where there is none.
int find_int(const boost::json::object& in, std::string_view name, int otherwise);
/// A string of the object `parent`, which may be missing.
std::string text_below(const boost::json::object& in, std::string_view parent, std::string_view name);

/// The member as an object or list: made, or made anew, where it is none.
boost::json::object& object_in(boost::json::object& in, std::string_view name);
boost::json::array& array_in(boost::json::object& in, std::string_view name);

/// The item whose "name" is `name`; null where there is none.
const boost::json::object* named(const boost::json::array* list, std::string_view name);

}  // namespace remora::inject
