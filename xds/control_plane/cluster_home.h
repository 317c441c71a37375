#pragma once

#include "control_plane/object_home.h"

namespace remora::xds {

/// An API server as the options name it: by a kubeconfig, or as a pod finds it. An error names the flag.
Result<std::unique_ptr<ObjectHome>> open_cluster(boost::asio::io_context& context, const Options& options);

}  // namespace remora::xds
