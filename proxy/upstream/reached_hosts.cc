#include "upstream/reached_hosts.h"

#include <algorithm>

#include "upstream/localities.h"
#include "upstream/zone_routing.h"

namespace remora {
namespace {

void note(const HostChoices& choices, ReachedHosts& reached) {
  const HostChoices& open = choices.open();
  for (size_t i = 0; i < open.hosts.size(); ++i) {
    double& part = reached[open.hosts[i]];
    part = std::max(part, open.part(i));
  }
}

void note_localities(const LocalityChoices* localities, const HostChoices& otherwise, ReachedHosts& reached) {
  if (localities == nullptr) return note(otherwise, reached);
  for (const auto& share : localities->shares) note(share.hosts, reached);
}

}  // namespace

void note_reached(const PriorityLevels& levels, ReachedHosts& reached) {
  for (const auto& level : levels.levels) {
    if (level.panic) {
      note(level.all, reached);
      continue;
    }
    note_localities(level.healthy_localities.get(), level.healthy, reached);
    note_localities(level.degraded_localities.get(), *level.degraded, reached);
    if (level.zones == nullptr) continue;
    for (const auto& zone : level.zones->zones) {
      note(zone.healthy, reached);
      note(zone.degraded, reached);
    }
  }
}

}  // namespace remora
