#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "control_plane/default_scope.h"
#include "istio/model/sidecar.h"
#include "istio/model/spiffe_id.h"
#include "remora/core/result.h"

namespace remora::xds {

/// remora-control's command line.
struct Options {
  std::vector<std::string> config_paths;
  std::string xds_address = "127.0.0.1:15010";
  std::string admin_address = "127.0.0.1:15014";
  std::string api_address = "127.0.0.1:15080";
  std::string kubeconfig;    ///< the objects are those of the API server that it names
  std::string kube_context;  ///< of the kubeconfig; empty: its current one
  bool in_cluster = false;   ///< the objects are those of the API server of the pod that this runs in
  std::string lease_name = "remora-control";  ///< by which one of several replicas is chosen
  std::string lease_namespace;                ///< empty: the one that we run in
  std::string lease_identity;                 ///< who we are in it; empty: the pod's or the host's name
  std::chrono::seconds lease_duration{15};
  std::string token_audience = "istio-ca";  ///< of service accounts' tokens that prove who a proxy is
  std::optional<bool> rollouts = true;      ///< whether canaries are driven here; always there once parsed
  std::string store_path;  ///< folder of what the API is given; empty: the user's state folder
  std::string token_file;  ///< of the API: who may use it
  std::string certificate_file;
  std::string private_key_file;
  std::string client_ca_file;
  std::string xds_tls_address;  ///< xDS over TLS; empty: nowhere
  std::vector<std::string> xds_server_names;
  std::string webhook_address;                    ///< of the admission webhook, always TLS; empty: nowhere
  std::vector<std::string> webhook_server_names;  ///< empty: remora-control.OUR-NAMESPACE.svc
  std::string webhook_configuration;    ///< the MutatingWebhookConfiguration whose caBundle is ours to keep
  std::string injection_settings_file;  ///< empty: the defaults
  std::string webhook_address_path;     ///< file that receives the webhook's address in use
  std::string ca_folder;                ///< of an authority of our own; empty: beside the store
  std::string ca_certificate_file;
  std::string ca_key_file;
  std::string ca_root_file;
  std::string trust_domain = istio::kDefaultTrustDomain;
  std::string root_namespace = "istio-system";  ///< whose PeerAuthentications hold for the whole mesh
  std::string join_token_file;
  bool trust_loopback = false;
  bool auto_mtls = true;
  std::optional<istio::OutboundPolicy> outbound_policy = istio::OutboundPolicy::kAllowAny;
  std::chrono::seconds protocol_detection_timeout{5};
  std::optional<DefaultScope> default_scope = DefaultScope::kMesh;
  std::chrono::seconds certificate_lifetime{std::chrono::hours(24)};
  std::string xds_tls_address_path;  ///< file that receives the xDS address over TLS
  std::string xds_address_path;      ///< file that receives the xDS address in use
  std::string admin_address_path;    ///< file that receives the admin address in use
  std::string api_address_path;      ///< file that receives the API's address in use
  /// Canaries' ticks are at least so far apart, as in Flagger. Less is for tests.
  std::chrono::milliseconds rollout_min_interval{10'000};
  std::string log_level = "info";
  bool validate = false;
  bool help = false;
  bool version = false;

  bool uses_kubernetes() const { return in_cluster || !kubeconfig.empty(); }

  /// Whether the mesh's authority is in files or a folder of ours.
  bool has_own_authority() const { return !ca_folder.empty() || !ca_certificate_file.empty(); }

  /// Whether there is any way for a proxy to prove who it is, or anything else that needs an authority.
  bool gives_identities() const {
    return !xds_tls_address.empty() || !join_token_file.empty() || trust_loopback || !webhook_address.empty();
  }
};

/// Arguments without the program's name. "--flag VALUE" and "--flag=VALUE" are the same.
Result<Options> parse_options(const std::vector<std::string>& arguments);

/// What --help prints.
std::string usage();

}  // namespace remora::xds
