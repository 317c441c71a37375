#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace remora::kube {

/// One reason among several of a refused request, as an entry of Status.details.causes.
struct Cause {
  std::string type;     ///< "FieldValueInvalid", "FieldManagerConflict", ...
  std::string message;  ///< what is wrong with the field
  std::string field;    ///< "spec.http[0].timeout"; ".spec.replicas" in conflicts
};

/// Why a request is not carried out: what Kubernetes would put into its Status.
struct Refusal {
  int code = 400;
  std::string reason;  ///< "BadRequest", "Invalid", "Conflict", "UnsupportedMediaType", ...
  std::string message;
  std::vector<Cause> causes;
};

/// A value, or why there is none.
template <typename T>
using Outcome = std::variant<T, Refusal>;

inline Refusal bad_request(std::string message) { return {400, "BadRequest", std::move(message), {}}; }
inline Refusal too_large(const std::string& message) {
  return {413, "RequestEntityTooLarge", "Request entity too large: " + message, {}};
}

}  // namespace remora::kube
