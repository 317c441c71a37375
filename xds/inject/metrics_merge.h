#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "inject/bootstrap.h"
#include "inject/settings.h"
#include "remora/core/result.h"

namespace remora::inject {

/// Leads Prometheus, which the annotations prometheus.io/scrape, port and path call to the pod, to the
/// sidecar, and says where the application's metrics are that it has to add. A pod that is not to be scraped
/// stays so. An error names the annotation that makes no sense.
Result<AppMetrics> take_metrics(boost::json::object& metadata, const Settings& settings,
                                std::vector<std::string>& warnings);

}  // namespace remora::inject
