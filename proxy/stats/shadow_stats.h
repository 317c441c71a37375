#pragma once

#include "remora/core/stats.h"

namespace remora {

/// cluster.<name>.shadow.*: of the shadows that go to a cluster. Ours (docs/mirroring.md).
enum ShadowStat : size_t {
  kShadowRqTotal,
  kShadowRqDropped,    // its queue, or what all queues may hold together, was full
  kShadowRqAbandoned,  // the original request was not finished
  kShadowRqFailed,     // no whole answer
  kCompareTotal,
  kCompareSkipped,   // nothing to compare with: the client left, or the shadow did not get the whole request
  kCompareNoAnswer,  // of one of the two, or of both
  kCompareStatusSame,
  kCompareStatusClassSame,
  kCompareStatusDiffers,
  kCompareShadowFailed,   // and the original did not
  kComparePrimaryFailed,  // and the shadow did not
  kCompareBodySame,
  kCompareBodyDiffers,
  kCompareBodySkipped,
  kComparePrimaryTime,
  kCompareShadowTime,
  kCompareSlower,
  kCompareFaster,
  kShadowStatCount
};

StatSchema shadow_stat_schema();
ScopeName shadow_scope_name(std::string_view cluster_stat_name);

}  // namespace remora
