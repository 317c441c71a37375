#include "istio/text/finding_json.h"

namespace remora::istio {

boost::json::object finding_json(const Diagnostic& finding) {
  return {{"severity", finding.severity == Severity::kError ? "error" : "warning"},
          {"file", finding.file},
          {"line", finding.line},
          {"resource", finding.resource},
          {"path", finding.path},
          {"message", finding.message},
          {"text", to_string(finding)}};
}

}  // namespace remora::istio
