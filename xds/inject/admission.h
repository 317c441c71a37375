#pragma once

#include <string>
#include <string_view>

#include "inject/settings.h"
#include "remora/core/result.h"

namespace remora::inject {

/// What came of an admission review.
struct Reviewed {
  std::string body;     ///< the AdmissionReview to answer with
  std::string summary;  ///< for the log: "Pod shop/web-1: injected"
  bool injected = false;
  bool refused = false;
};

/// Answers an AdmissionReview (admission.k8s.io/v1) about a pod: a JSON patch that puts the sidecar in, or
/// why not; a pod whose annotations make no sense is refused with what is wrong. An error where the body is
/// no such review.
Result<Reviewed> review(std::string_view body, const Settings& settings);

}  // namespace remora::inject
