#pragma once

#include <boost/intrusive/list.hpp>

namespace remora {

/// What ends at once when active health checks, or outlier detection, find that its host has failed: raw
/// connections, where the cluster says close_connections_on_host_health_failure. Leaves its host's list when
/// it goes. Worker thread only.
class HealthBound
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// The host has failed. In no list any more.
  virtual void on_host_failed() = 0;

 protected:
  HealthBound() = default;
  ~HealthBound() = default;
  HealthBound(const HealthBound&) = delete;
  HealthBound& operator=(const HealthBound&) = delete;
};

using HealthBoundList = boost::intrusive::list<HealthBound, boost::intrusive::constant_time_size<false>>;

}  // namespace remora
