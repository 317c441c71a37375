#pragma once

#include "upstream/host_set.h"

namespace remora {

/// Adds the hosts of these levels that requests can go to, each with the part that counts; of one that is in
/// several lists the greatest.
void note_reached(const PriorityLevels& levels, ReachedHosts& reached);

}  // namespace remora
