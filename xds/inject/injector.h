#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "inject/settings.h"
#include "remora/core/result.h"

namespace remora::inject {

/// What is known of a pod besides what it says itself.
struct PodContext {
  std::string workload;  ///< of whom it is: a Deployment's name, ...; empty: as the pod's own names tell
  std::string ns;        ///< where the pod says nothing
};

struct Injected {
  boost::json::object pod;  ///< as it was, or with its sidecar
  bool changed = false;
  std::string reason;                 ///< why it was left alone
  std::vector<std::string> warnings;  ///< what was asked for and has no effect
};

/// A pod, or the template of one ("metadata" and "spec"), with its sidecar. It is left alone where it has one
/// already, says that it wants none, or has its host's network, where redirecting would catch the host's own
/// traffic. An error says which annotation or probe makes no sense. Pure: equal input, equal output.
Result<Injected> inject_pod(const boost::json::object& pod, const Settings& mesh, const PodContext& context);

}  // namespace remora::inject
