#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inject/settings.h"
#include "remora/core/result.h"

namespace remora::inject {

/// The object that a problem with a pod is told of: the workload that makes the pod, since people look there
/// and the pod may never be; or a pod that nobody makes.
struct Concerned {
  std::string api_version;
  std::string kind;
  std::string ns;
  std::string name;  ///< empty: it has none yet
  std::string uid;
};

/// What came of an admission review.
struct Reviewed {
  std::string body;     ///< the AdmissionReview to answer with
  std::string summary;  ///< for the log: "Pod shop/web-1: injected"
  bool injected = false;
  bool refused = false;
  bool dry_run = false;  ///< nothing is made: nobody is told
  /// What is wrong with the pod: why it is refused, or what of its annotations has no effect. The answer says
  /// so as well, to whoever makes the pod; controllers keep that to themselves.
  std::vector<std::string> problems{};
  Concerned concerned{};
};

/// Answers an AdmissionReview (admission.k8s.io/v1) about a pod: a JSON patch that puts the sidecar in, or
/// why not; a pod whose annotations make no sense is refused with what is wrong. An error where the body is
/// no such review.
Result<Reviewed> review(std::string_view body, const Settings& settings);

}  // namespace remora::inject
