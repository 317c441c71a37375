#pragma once

#include <optional>

#include "istio/model/canary.h"
#include "rollout/objects.h"
#include "store/object_store.h"

// The HorizontalPodAutoscaler of a Canary's target, and its copy that scales the primary.
namespace remora::rollout {

inline constexpr const char* kAutoscalerType = "horizontalpodautoscalers.autoscaling";

/// The primary's autoscaler as it should be, where there is something to write: it is made once, and follows
/// the target's only where `follow` says so, as in Flagger. An error where the target's is needed and not
/// there.
Result<std::optional<WantedObject>> primary_autoscaler(const store::ObjectStore& store,
                                                       const istio::Canary& spec, const store::Object& canary,
                                                       bool follow);

/// With how many pods a canary begins that an autoscaler takes care of.
int64_t autoscaler_floor(const store::ObjectStore& store, const istio::Canary& spec, const std::string& ns);

}  // namespace remora::rollout
