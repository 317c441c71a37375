#pragma once

#include <boost/json/object.hpp>
#include <cstdint>

#include "rollout/decide.h"

// Deployments and DaemonSets as Kubernetes' JSON: how far they are, and how many pods they shall have. Pure.
namespace remora::rollout {

/// Fills in what the workload's status says: endpoints (updated pods), ready (available ones), whether the
/// controller is still at work (not_ready) and whether it has given up (stuck).
void read_deployment(const boost::json::object& body, Time now, std::chrono::seconds deadline, Revision& out);
void read_daemon_set(const boost::json::object& body, Revision& out);

/// spec.replicas; 1 where it is not given, as in Kubernetes.
int64_t replicas_of(const boost::json::object& deployment);

/// Whether it shall have no pods; and making it so, or not. `replicas` counts for Deployments only.
bool is_scaled_down(const boost::json::object& body, bool daemon_set);
void scale_down(boost::json::object& body, bool daemon_set);
void scale_up(boost::json::object& body, bool daemon_set, int64_t replicas);

}  // namespace remora::rollout
