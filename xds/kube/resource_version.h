#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kube/call.h"

namespace remora::kube {

/// A resourceVersion; nothing for what is none.
std::optional<uint64_t> parse_version(std::string_view text);

/// Whether a get or list may ask for the resourceVersion (and resourceVersionMatch) that it asks for, when
/// the store is at `now`: there is only the present state.
std::optional<Refusal> check_read_version(const Call& call, uint64_t now);

}  // namespace remora::kube
