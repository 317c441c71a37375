#pragma once

#include <string>

namespace remora::telemetry {
class TrafficStore;
}

namespace remora::xds {

class AdsService;
class Mesh;

/// Prometheus' text format; pilot's names where pilot counts the same.
std::string render_metrics(const Mesh& mesh, const AdsService& ads, const telemetry::TrafficStore& traffic);

}  // namespace remora::xds
