#include "kube/mesh_check.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "istio/model/resource.h"
#include "kube/value_path.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

constexpr size_t kShownValue = 100;

bool is_read_by_mesh(const store::Kind& kind) {
  return kind.group == "networking.istio.io" || kind.group == "security.istio.io" ||
         kind.group == "flagger.app" || kind.group == "apps" || kind.type() == "services";
}

/// In Kubernetes' words: what is wrong with which value.
Cause to_cause(const istio::Diagnostic& finding, const json::object& object) {
  const json::value* value = finding.path.empty() ? nullptr : value_at(object, finding.path);
  if (value == nullptr) {
    if (finding.message == "is required") return {"FieldValueRequired", "Required value", finding.path};
    return {"FieldValueInvalid", "Invalid value: " + finding.message, finding.path};
  }
  std::string shown = json::serialize(*value);
  if (shown.size() > kShownValue) shown = shown.substr(0, kShownValue) + "...";
  return {"FieldValueInvalid", "Invalid value: " + shown + ": " + finding.message, finding.path};
}

}  // namespace

MeshFindings check_for_mesh(const store::Kind& kind, const json::object& object) {
  if (!is_read_by_mesh(kind)) return {};
  MeshFindings out;
  for (const auto& finding : istio::parse_file("", json::serialize(object)).findings) {
    if (finding.severity == istio::Severity::kError) {
      out.errors.push_back(to_cause(finding, object));
    } else {
      out.warnings.push_back(finding.path.empty() ? finding.message : finding.path + ": " + finding.message);
    }
  }
  return out;
}

}  // namespace remora::kube
