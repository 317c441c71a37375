#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <string>

namespace remora::ctl {

/// How a control plane stands with its Kubernetes API server, from /debug/store: one line in all, and one for
/// each kind that is not as it should be. Nothing where it has a store of its own. `good`: all that routing
/// needs is followed.
std::string describe_store(const boost::json::array& kinds, bool& good);

/// Who writes statuses and drives rollouts, from /debug/leader. Nothing where there is one control plane.
/// `good`: somebody does.
std::string describe_leader(const boost::json::value& leader, bool& good);

}  // namespace remora::ctl
