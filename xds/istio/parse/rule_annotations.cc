#include "istio/parse/rule_annotations.h"

namespace remora::istio {

std::span<const RuleAnnotation> rule_annotations() {
  static constexpr RuleAnnotation kAll[] = {{"remora.dev/load-balancer", choose_balancer},
                                            {"remora.dev/aperture", choose_aperture},
                                            {"remora.dev/latency-ejection", choose_latency_ejection}};
  return kAll;
}

}  // namespace remora::istio
