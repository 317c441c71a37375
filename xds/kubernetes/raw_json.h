#pragma once

#include <functional>
#include <string_view>

// Looks at the outermost level of a JSON text without reading what is below: lists of thousands of objects
// are taken apart object by object, so that one that cannot be read spoils no other. Pure; no recursion,
// whatever the depth.
namespace remora::kubernetes {

/// Calls `member` for each member of an object, with the text of its value. False where the text is no whole
/// object; members before the fault have been told.
bool for_each_member(std::string_view object,
                     const std::function<void(std::string_view name, std::string_view value)>& member);

/// The same for the items of an array.
bool for_each_item(std::string_view array, const std::function<void(std::string_view item)>& item);

/// The text between the quotes; empty where the value is no string. Escapes stay as they are.
std::string_view raw_string(std::string_view value);

}  // namespace remora::kubernetes
