#pragma once

#include <chrono>
#include <string_view>

#include "control_plane/ads_service.h"
#include "control_plane/http_page.h"
#include "control_plane/mesh.h"
#include "telemetry/traffic_store.h"

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

  Page answer(std::string_view target) const;

 private:
  Page config(std::string_view target) const;
  Page errors() const;
  Page sync_states() const;
  Page endpoints() const;
  Page config_dump(std::string_view target) const;
  Page metrics() const;
  Page traffic(std::string_view target) const;

  const Mesh& mesh_;
  const AdsService& ads_;
  const telemetry::TrafficStore& traffic_;
  const rollout::Engine* rollouts_;
};

}  // namespace remora::xds
