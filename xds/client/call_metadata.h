#pragma once

#include <string>
#include <utility>
#include <vector>

#include "remora/core/result.h"

namespace remora::xds {

using MetadataList = std::vector<std::pair<std::string, std::string>>;

/// Whether a value of initial_metadata can be sent: visible ASCII, with no command operator but
/// %FILE_CONTENT(PATH)%, the contents of a file (Envoy's formatter of that name), and %% for a percent sign.
Result<void> check_metadata_value(const std::string& value);

/// The metadata of one call: files are read now, so that a token that is rotated is the present one. What
/// ends a file (a newline, spaces) is not sent. A value whose file cannot be read, or holds what metadata
/// cannot, is left out and logged: then the server says what is missing.
MetadataList make_metadata(const MetadataList& wanted);

}  // namespace remora::xds
