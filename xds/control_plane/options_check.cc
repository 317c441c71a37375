#include "control_plane/options_check.h"

#include <algorithm>
#include <array>

#include "istio/text/scalar.h"

namespace remora::xds {
namespace {

Result<void> check_outbound(const Options& options) {
  if (!options.outbound_policy) {
    return Error{"--outbound-traffic-policy must be ALLOW_ANY or REGISTRY_ONLY"};
  }
  if (!options.default_scope) return Error{"--default-scope must be mesh, namespace or asked"};
  if (options.protocol_detection_timeout.count() <= 0) {
    return Error{"--protocol-detection-timeout must be a duration of at least 1s, such as 5s"};
  }
  return {};
}

Result<void> check_identity(const Options& options) {
  constexpr std::chrono::seconds kShortest{2};
  if (!istio::is_trust_domain(options.trust_domain)) {
    return Error{"--trust-domain: \"" + options.trust_domain + "\" is no SPIFFE trust domain"};
  }
  if (options.certificate_lifetime < kShortest) {
    return Error{"--cert-lifetime: must be a duration of at least 2s"};
  }
  if (options.ca_certificate_file.empty() != options.ca_key_file.empty()) {
    return Error{"--ca-cert-file and --ca-key-file belong together"};
  }
  if (!options.ca_root_file.empty() && options.ca_certificate_file.empty()) {
    return Error{"--ca-root-file needs --ca-cert-file"};
  }
  if (options.xds_address.empty() && options.xds_tls_address.empty()) {
    return Error{"--xds-address none needs --xds-tls-address"};
  }
  return {};
}

Result<void> check_webhook(const Options& options) {
  if (options.webhook_address.empty()) {
    if (!options.webhook_configuration.empty())
      return Error{"--webhook-configuration needs --webhook-address"};
    if (!options.injection_settings_file.empty())
      return Error{"--injection-settings needs --webhook-address"};
    if (!options.webhook_server_names.empty()) return Error{"--webhook-server-name needs --webhook-address"};
    return {};
  }
  if (!options.webhook_configuration.empty() && !options.uses_kubernetes()) {
    return Error{"--webhook-configuration needs --in-cluster or --kubeconfig"};
  }
  return {};
}

/// Of an object in Kubernetes (RFC 1123's subdomain, roughly; the API server has the last word).
bool is_object_name(const std::string& name) {
  constexpr size_t kLongest = 253;
  return !name.empty() && name.size() <= kLongest &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos;
}

Result<void> check_lease(const Options& options) {
  constexpr std::chrono::seconds kShortest{3};
  constexpr std::chrono::seconds kLongest{3600};
  for (const auto& [flag, value] : {std::pair("--lease-name", options.lease_name),
                                    std::pair("--lease-namespace", options.lease_namespace)}) {
    const bool may_be_empty = std::string_view(flag) == "--lease-namespace";
    if (value.empty() ? !may_be_empty : !is_object_name(value)) {
      return Error{std::string(flag) + ": \"" + value + "\" is no name of an object in Kubernetes"};
    }
  }
  if (options.lease_duration < kShortest || options.lease_duration > kLongest) {
    return Error{"--lease-duration: must be a duration of 3s to 1h"};
  }
  if (options.token_audience.empty()) return Error{"--token-audience: must not be empty"};
  return {};
}

Result<void> check_home(const Options& options) {
  if (!options.kube_context.empty() && options.kubeconfig.empty())
    return Error{"--context needs --kubeconfig"};
  if (!options.uses_kubernetes()) return {};
  const std::string flag = options.in_cluster ? "--in-cluster" : "--kubeconfig";
  if (options.in_cluster && !options.kubeconfig.empty()) {
    return Error{"--in-cluster and --kubeconfig exclude one another"};
  }
  if (!options.store_path.empty()) {
    return Error{"--store and " + flag + " exclude one another: the API server keeps the resources"};
  }
  if (!options.config_paths.empty()) {
    return Error{"--config and " + flag +
                 " exclude one another: give the files to the API server (kubectl apply)"};
  }
  return {};
}

}  // namespace

Result<void> check_options(const Options& options) {
  static constexpr std::array<std::string_view, 8> kLevels{"trace", "debug", "info",     "warning",
                                                           "warn",  "error", "critical", "off"};
  if (std::find(kLevels.begin(), kLevels.end(), options.log_level) == kLevels.end()) {
    return Error{"--log-level: \"" + options.log_level + "\" is no level"};
  }
  if (options.rollout_min_interval.count() == 0) {
    return Error{"--rollout-min-interval: must be a number of milliseconds above 0"};
  }
  if (options.validate && options.config_paths.empty()) return Error{"--validate needs --config"};
  if (options.certificate_file.empty() != options.private_key_file.empty()) {
    return Error{"--api-cert-file and --api-key-file belong together"};
  }
  if (!options.client_ca_file.empty() && options.certificate_file.empty()) {
    return Error{"--api-client-ca-file needs --api-cert-file"};
  }
  if (!options.rollouts) return Error{"--rollouts: must be on or off"};
  if (auto home = check_home(options); !home.ok()) return home;
  if (auto good = check_webhook(options); !good.ok()) return good;
  if (auto lease = check_lease(options); !lease.ok()) return lease;
  if (auto good = check_outbound(options); !good.ok()) return good;
  return check_identity(options);
}

}  // namespace remora::xds
