#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace remora::kube {

/// How long ago an RFC 3339 time in UTC was, as kubectl shows ages: "34s", "5m10s", "2d3h", "<unknown>".
std::string age(std::string_view timestamp, std::chrono::system_clock::time_point now);

}  // namespace remora::kube
