#pragma once

#include <span>
#include <string_view>

namespace remora::page {

/// A file of assets/, as it was when this program was built.
struct Asset {
  std::string_view name;  ///< "app.js"
  std::string_view type;  ///< its Content-Type
  std::string_view etag;  ///< quoted, of the contents
  std::string_view body;
};

/// Sorted by name. The build writes the definition: embed.cmake.
std::span<const Asset> assets();

/// Null where there is none of that name.
const Asset* find_asset(std::string_view name);

}  // namespace remora::page
