#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "istio/text/scalar.h"

namespace remora::istio {

/// A place: "region/zone/sub-zone", the later parts optional. In rules "*" stands for any, and what is left
/// out at the end for everything below.
struct Place {
  std::string region;
  std::string zone;
  std::string sub_zone;

  bool operator==(const Place&) const = default;
};
Place parse_place(const std::string& text);
/// Whether `rule` means `place`.
bool is_at(const Place& place, const Place& rule);

/// Which localities' endpoints a client prefers.
/// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting
struct LocalityBalancing {
  struct Distribution {
    std::string from;
    std::vector<std::pair<std::string, uint32_t>> to;  ///< percent; 100 together
  };
  struct Failover {
    std::string from;  ///< regions
    std::string to;
  };
  bool enabled = true;
  std::vector<Distribution> distribute;
  std::vector<Failover> failover;
  std::vector<std::string> failover_priority;  ///< "label" or "label=value", the weightiest first
};

/// A new endpoint gets its share by and by.
/// https://istio.io/latest/docs/reference/config/networking/destination-rule/#WarmupConfiguration
struct Warmup {
  Duration duration{};
  double minimum_percent = 10;
  double aggression = 1;
};

}  // namespace remora::istio
