#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace remora {

/// What a configuration asks for and this build does not do. Nothing that is set is ever ignored in silence.
struct ConfigFinding {
  enum class Severity : uint8_t {
    kError,    ///< would change behaviour: the resource is refused
    kWarning,  ///< cannot change behaviour here: accepted, and said
  };
  Severity severity = Severity::kError;
  std::string
      path;  ///< "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[1]"
  std::string message;  ///< what about it
};

/// Collects findings while a resource is translated. Single-threaded.
class ConfigReport {
 public:
  void error(std::string path, std::string message) {
    findings_.push_back({ConfigFinding::Severity::kError, std::move(path), std::move(message)});
    ++errors_;
  }
  void warning(std::string path, std::string message) {
    findings_.push_back({ConfigFinding::Severity::kWarning, std::move(path), std::move(message)});
  }
  [[nodiscard]] bool ok() const { return errors_ == 0; }
  [[nodiscard]] size_t error_count() const { return errors_; }
  [[nodiscard]] const std::vector<ConfigFinding>& findings() const { return findings_; }
  /// "path: message" per error, joined by "; ".
  [[nodiscard]] std::string error_text() const {
    std::string text;
    for (const auto& finding : findings_) {
      if (finding.severity != ConfigFinding::Severity::kError) continue;
      if (!text.empty()) text += "; ";
      text += finding.path.empty() ? finding.message : finding.path + ": " + finding.message;
    }
    return text;
  }

 private:
  std::vector<ConfigFinding> findings_;
  size_t errors_ = 0;
};

}  // namespace remora
