#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "remora/config/metadata.h"

namespace remora::filters {

/// A JSON object, as numbers of double precision; nullopt for anything else, and for what is nested deeper
/// than 32 levels. Duplicate names: the last one counts.
std::optional<MetadataValue::Object> parse_json_object(std::string_view text);

/// RFC 4648 section 5, padded or not; nullopt for what is none.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace remora::filters
