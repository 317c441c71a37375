#include "kube/strategic_merge.h"

namespace remora::kube {

Result<void> strategic_merge(const store::Kind&, boost::json::value&, const boost::json::value&) {
  return Error{"strategic merge patches are not understood yet"};
}

}  // namespace remora::kube
