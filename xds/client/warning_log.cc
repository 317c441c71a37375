#include "client/warning_log.h"

#include <utility>

namespace remora::xds {
namespace {

/// The path without the numbers of list entries: "routes[].route.hash_policy[]".
std::string field_of(const std::string& path) {
  std::string field;
  bool inside = false;
  for (const char c : path) {
    if (c == ']') inside = false;
    if (!inside) field += c;
    if (c == '[') inside = true;
  }
  return field;
}

}  // namespace

WarningLog::WarningLog(Say say) : say_(std::move(say)) {}

void WarningLog::add(std::string_view noun, const std::string& name, const ConfigReport& report) {
  for (const ConfigFinding& finding : report.findings()) {
    if (finding.severity != ConfigFinding::Severity::kWarning || said_.size() > kMost) continue;
    std::string what(noun);
    if (!said_.insert(what + ' ' + field_of(finding.path) + ' ' + finding.message).second) continue;
    if (said_.size() > kMost) return say_("more warnings of resources are not said");
    what += " '" + name + "': ";
    if (!finding.path.empty()) what += finding.path + ": ";
    say_(what + finding.message);
  }
}

}  // namespace remora::xds
