#pragma once

#include <map>
#include <string>
#include <vector>

#include "istio/resource.h"

namespace envoy::extensions::filters::http::jwt_authn::v3 {
class JwtAuthentication;
}

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

/// The filter that enforces `rules`, of which there is at least one: a token that is there must be good; a
/// request without one passes. Keys that are not given are fetched by the proxy from the service that their
/// address names.
envoy::extensions::filters::http::jwt_authn::v3::JwtAuthentication build_jwt_filter(
    const std::vector<const JwtRule*>& rules);

}  // namespace remora::istio
