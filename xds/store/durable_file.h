#pragma once

#include <string>
#include <string_view>

#include "remora/core/result.h"

namespace remora::store {

/// Replaces the file at `path` in one step, makes missing folders, and returns once the new contents would
/// survive a loss of power. Only the owner may read it (0600). On an error the old contents are there.
Result<void> replace_file(const std::string& path, std::string_view text);

/// Removes the file, as durably. A file that is not there is no error.
Result<void> remove_file(const std::string& path);

}  // namespace remora::store
