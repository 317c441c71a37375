#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "remora/core/result.h"

namespace remora::inject {

/// A question of kubelet to the application that goes through the sidecar now, because its own way would end
/// at the sidecar: it would be answered by whoever accepts connections, or refused for want of a certificate.
struct AppProbe {
  enum class Kind { kHttp, kHttps, kGrpc, kTcp };

  Kind kind = Kind::kHttp;
  std::string where;       ///< "/app-health/app/readyz": how kubelet asks the sidecar (not kGrpc)
  std::string path = "/";  ///< how the sidecar asks the application (kHttp, kHttps)
  int port = 0;            ///< of the application
  int stand_in = 0;        ///< the sidecar's port in its place (kGrpc)
  int timeout_seconds = 1;
};

/// Changes the probes and lifecycle hooks of all containers but `except` so that they ask the sidecar, and
/// says what it has to ask in turn. An error names a port that the container does not have.
Result<std::vector<AppProbe>> rewrite_probes(boost::json::object& pod_spec, const std::string& except);

}  // namespace remora::inject
