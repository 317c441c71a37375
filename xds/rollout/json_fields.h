#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Reading JSON that somebody may have edited: what is missing or of another type is not there.
namespace remora::rollout {

std::string text_of(const boost::json::object& json, std::string_view name);
int64_t integer_of(const boost::json::object& json, std::string_view name, int64_t otherwise = 0);
std::optional<double> number_of(const boost::json::object& json, std::string_view name);
bool flag_of(const boost::json::object& json, std::string_view name);
/// Null where there is none.
const boost::json::object* object_of(const boost::json::object& json, std::string_view name);
/// That object; an empty one where there is none.
const boost::json::object& part_of(const boost::json::object& json, std::string_view name);
const boost::json::array* array_of(const boost::json::object& json, std::string_view name);
/// The object of that name, for writing; it is made where there is none.
boost::json::object& object_in(boost::json::object& parent, std::string_view name);

}  // namespace remora::rollout
