#include "page/assets.h"

#include <algorithm>

namespace remora::page {

const Asset* find_asset(std::string_view name) {
  const auto found =
      std::find_if(assets().begin(), assets().end(), [&](const Asset& asset) { return asset.name == name; });
  return found == assets().end() ? nullptr : &*found;
}

}  // namespace remora::page
