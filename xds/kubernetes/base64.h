#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace remora::kubernetes {

/// RFC 4648, of both alphabets, with padding or without; white space does not count. Nothing for anything
/// else.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace remora::kubernetes
