#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "remora/config/report.h"

namespace remora::xds {

/// Says what accepted resources ask for in vain. Thousands of resources are written by one program and ask
/// for the same, again with every change: so each field and reason is said once, with the first resource that
/// has it. Bounded. Single-threaded.
class WarningLog {
 public:
  using Say = std::function<void(const std::string& line)>;

  /// More different warnings than this are not said, but for a line that says so.
  static constexpr size_t kMost = 1000;

  explicit WarningLog(Say say);

  /// The warnings of one resource: "cluster 'x': <path>: <message>".
  void add(std::string_view noun, const std::string& name, const ConfigReport& report);

 private:
  Say say_;
  std::unordered_set<std::string> said_;
};

}  // namespace remora::xds
