#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace remora::istio {

/// RFC 4648, of both alphabets, with padding or without; white space does not count. Nothing for anything
/// else.
std::optional<std::string> decode_base64(std::string_view text);

/// RFC 4648's first alphabet, with padding, in one line: how Kubernetes writes bytes.
std::string encode_base64(std::string_view bytes);

}  // namespace remora::istio
