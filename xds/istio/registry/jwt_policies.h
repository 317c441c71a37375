#pragma once

#include <map>
#include <string>
#include <vector>

#include "istio/model/resource.h"

namespace remora::istio {

/// Which RequestAuthentications hold for a workload: all that select it, those of the root namespace wherever
/// it lives, others in their own. Their rules are taken together.
class JwtPolicies {
 public:
  /// `resources` may be of any kind.
  JwtPolicies(const std::vector<ResourcePtr>& resources, std::string root_namespace);

  /// In the order of their issuers.
  [[nodiscard]] std::vector<const JwtRule*> rules_for(const std::string& ns, const Labels& labels) const;

  /// Policies by namespace.
  [[nodiscard]] const std::map<std::string, std::vector<ResourcePtr>>& all() const { return spaces_; }

 private:
  std::string root_namespace_;
  std::map<std::string, std::vector<ResourcePtr>> spaces_;
};

}  // namespace remora::istio
