#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace remora::filters {

/// RFC 4648 section 4, with padding.
std::string base64_encode(std::string_view bytes);
/// Takes padding or none; nullopt for anything that is not base64.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace remora::filters
