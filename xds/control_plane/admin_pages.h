#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "control_plane/ads_service.h"
#include "control_plane/mesh.h"
#include "telemetry/traffic_store.h"
#include "web/http_message.h"

namespace remora::rollout {
class Engine;
}

namespace remora::xds {

/// What the admin interface shows: pilot's addresses where pilot has one for it. Control thread only.
class AdminPages {
 public:
  /// `rollouts` may be null.
  AdminPages(const Mesh& mesh, const AdsService& ads, const telemetry::TrafficStore& traffic,
             const rollout::Engine* rollouts = nullptr)
      : mesh_(mesh),
        ads_(ads),
        traffic_(traffic),
        rollouts_(rollouts) {}

  web::Response answer(const web::Request& request) const;

  /// Further ones for /metrics, in Prometheus' text format.
  void add_metrics(std::function<std::string()> more) { more_metrics_ = std::move(more); }
  /// What /debug/leader shows.
  void add_leader(std::function<boost::json::object()> leader) { leader_ = std::move(leader); }

 private:
  web::Response config(const web::Request& request) const;
  web::Response errors() const;
  web::Response sync_states() const;
  web::Response endpoints() const;
  web::Response config_dump(const web::Request& request) const;
  web::Response metrics() const;
  web::Response traffic(const web::Request& request) const;

  const Mesh& mesh_;
  const AdsService& ads_;
  const telemetry::TrafficStore& traffic_;
  const rollout::Engine* rollouts_;
  std::function<std::string()> more_metrics_;
  std::function<boost::json::object()> leader_;
};

}  // namespace remora::xds
