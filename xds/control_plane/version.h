#pragma once

namespace remora::xds {

inline constexpr const char* kVersion = "remora-control 0.1.0";

}  // namespace remora::xds
