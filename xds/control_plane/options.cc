#include "control_plane/options.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "control_plane/options_check.h"
#include "istio/text/scalar.h"

namespace remora::xds {
namespace {

struct Flag {
  const char* name;
  const char* value;  ///< what --help calls its value; null for a switch
  const char* help;
  std::function<void(Options&, const std::string&)> set;
};

/// Whole seconds; zero where it is no such duration, which check_options() refuses.
std::chrono::seconds parse_seconds(const std::string& text) {
  const auto duration = istio::parse_duration(text);
  return duration ? std::chrono::duration_cast<std::chrono::seconds>(*duration) : std::chrono::seconds(0);
}

/// None where it is no such word, which check_options() refuses.
std::optional<istio::OutboundPolicy> parse_policy(const std::string& text) {
  if (text == "ALLOW_ANY") return istio::OutboundPolicy::kAllowAny;
  if (text == "REGISTRY_ONLY") return istio::OutboundPolicy::kRegistryOnly;
  return std::nullopt;
}

/// None where it is no such word, which check_options() refuses.
std::optional<DefaultScope> parse_scope(const std::string& text) {
  if (text == "mesh") return DefaultScope::kMesh;
  if (text == "namespace") return DefaultScope::kNamespace;
  if (text == "asked") return DefaultScope::kAsked;
  return std::nullopt;
}

/// Zero where it is no such number; check_options() refuses that.
std::chrono::milliseconds parse_milliseconds(const std::string& text) {
  int number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool good = code == std::errc() && end == text.data() + text.size() && number > 0;
  return std::chrono::milliseconds(good ? number : 0);
}

const std::vector<Flag>& flags() {
  static const std::vector<Flag> kFlags{
      {"--config", "PATH", "file or folder of resources; may be given several times",
       [](Options& o, const std::string& v) { o.config_paths.push_back(v); }},
      {"--store", "FOLDER",
       "keeps what the API is given (default $XDG_STATE_HOME/remora-control, else "
       "~/.local/state/remora-control)",
       [](Options& o, const std::string& v) { o.store_path = v; }},
      {"--kubeconfig", "FILE", "the resources are those of the Kubernetes API server that FILE names",
       [](Options& o, const std::string& v) { o.kubeconfig = v; }},
      {"--context", "NAME", "a context of that file (default: its current one)",
       [](Options& o, const std::string& v) { o.kube_context = v; }},
      {"--in-cluster", nullptr, "the resources are those of the API server of the pod that this runs in",
       [](Options& o, const std::string&) { o.in_cluster = true; }},
      {"--lease-name", "NAME",
       "the Lease by which one of several replicas is chosen to write (default remora-control)",
       [](Options& o, const std::string& v) { o.lease_name = v; }},
      {"--lease-namespace", "NAME",
       "its namespace (default $POD_NAMESPACE, else the pod's or the kubeconfig context's own)",
       [](Options& o, const std::string& v) { o.lease_namespace = v; }},
      {"--lease-identity", "NAME", "who this replica is in it (default $POD_NAME, else the host's name)",
       [](Options& o, const std::string& v) { o.lease_identity = v; }},
      {"--lease-duration", "DURATION", "how long others wait for a leader that is silent (default 15s)",
       [](Options& o, const std::string& v) { o.lease_duration = parse_seconds(v); }},
      {"--token-audience", "NAME",
       "for whom service accounts' tokens must be made that prove who a proxy is (default istio-ca)",
       [](Options& o, const std::string& v) { o.token_audience = v; }},
      {"--rollouts", "on|off", "whether canaries are driven here (default on)",
       [](Options& o, const std::string& v) {
         o.rollouts = v == "on" ? std::optional(true) : v == "off" ? std::optional(false) : std::nullopt;
       }},
      {"--api-address", "HOST:PORT",
       "the Kubernetes resource API and the page (default 127.0.0.1:15080; port 0 takes a free one)",
       [](Options& o, const std::string& v) { o.api_address = v; }},
      {"--api-token-file", "FILE", "bearer tokens that may use the API, one a line",
       [](Options& o, const std::string& v) { o.token_file = v; }},
      {"--api-cert-file", "FILE", "certificate chain of the API (PEM): it is then served over TLS only",
       [](Options& o, const std::string& v) { o.certificate_file = v; }},
      {"--api-key-file", "FILE", "private key of that certificate (PEM)",
       [](Options& o, const std::string& v) { o.private_key_file = v; }},
      {"--api-client-ca-file", "FILE", "authorities (PEM) whose client certificates may use the API",
       [](Options& o, const std::string& v) { o.client_ca_file = v; }},
      {"--xds-address", "HOST:PORT",
       "where proxies connect (default 127.0.0.1:15010; port 0 takes a free one; none: nowhere in plain "
       "text)",
       [](Options& o, const std::string& v) { o.xds_address = v == "none" ? "" : v; }},
      {"--xds-tls-address", "HOST:PORT",
       "where proxies connect over TLS, with a certificate of the mesh or a join token (default nowhere)",
       [](Options& o, const std::string& v) { o.xds_tls_address = v; }},
      {"--xds-server-name", "NAME",
       "a further name or IP address by which proxies call that address; may be given several times",
       [](Options& o, const std::string& v) { o.xds_server_names.push_back(v); }},
      {"--webhook-address", "HOST:PORT",
       "where Kubernetes asks for sidecars (/inject), always over TLS (default nowhere)",
       [](Options& o, const std::string& v) { o.webhook_address = v; }},
      {"--webhook-server-name", "NAME",
       "a name or IP address by which it is called (default remora-control.OWN-NAMESPACE.svc); may be given "
       "several times",
       [](Options& o, const std::string& v) { o.webhook_server_names.push_back(v); }},
      {"--webhook-configuration", "NAME",
       "the MutatingWebhookConfiguration whose caBundle is kept right (default none)",
       [](Options& o, const std::string& v) { o.webhook_configuration = v; }},
      {"--injection-settings", "FILE",
       "how pods get their sidecar (YAML), read again when it changes (default: built-in settings)",
       [](Options& o, const std::string& v) { o.injection_settings_file = v; }},
      {"--join-token-file", "FILE",
       "bearer tokens with which proxies prove who they are, one a line: TOKEN [NAMESPACE/SERVICE-ACCOUNT]",
       [](Options& o, const std::string& v) { o.join_token_file = v; }},
      {"--trust-loopback", nullptr,
       "proxies of this machine are who they say they are: for machines with one user",
       [](Options& o, const std::string&) { o.trust_loopback = true; }},
      {"--trust-domain", "NAME", "the mesh's SPIFFE trust domain (default cluster.local)",
       [](Options& o, const std::string& v) { o.trust_domain = v; }},
      {"--ca-dir", "FOLDER", "keeps the mesh's own root and its key (default: the store's folder with .ca)",
       [](Options& o, const std::string& v) { o.ca_folder = v; }},
      {"--ca-cert-file", "FILE",
       "a given authority instead: its certificate, and those between it and the root (PEM)",
       [](Options& o, const std::string& v) { o.ca_certificate_file = v; }},
      {"--ca-key-file", "FILE", "private key of that certificate (PEM)",
       [](Options& o, const std::string& v) { o.ca_key_file = v; }},
      {"--ca-root-file", "FILE", "the root that it leads to (PEM; default: the certificate is a root itself)",
       [](Options& o, const std::string& v) { o.ca_root_file = v; }},
      {"--cert-lifetime", "DURATION",
       "how long certificates live (default 24h); they are renewed at half of it",
       [](Options& o, const std::string& v) { o.certificate_lifetime = parse_seconds(v); }},
      {"--root-namespace", "NAME",
       "whose PeerAuthentication without a selector holds for the mesh (default istio-system)",
       [](Options& o, const std::string& v) { o.root_namespace = v; }},
      {"--no-auto-mtls", nullptr,
       "mutual TLS only where a DestinationRule asks for it; by default wherever the endpoint has a sidecar",
       [](Options& o, const std::string&) { o.auto_mtls = false; }},
      {"--outbound-traffic-policy", "POLICY",
       "what intercepted traffic to unknown hosts becomes, unless a Sidecar says otherwise: ALLOW_ANY "
       "(default) "
       "or REGISTRY_ONLY",
       [](Options& o, const std::string& v) { o.outbound_policy = parse_policy(v); }},
      {"--default-scope", "SCOPE",
       "what workloads know of the mesh without a Sidecar: mesh (default), namespace (their own and the root "
       "namespace), or asked (what their requests have asked for; other proxies than Remora get mesh)",
       [](Options& o, const std::string& v) { o.default_scope = parse_scope(v); }},
      {"--protocol-detection-timeout", "DURATION",
       "how long an intercepted client may be silent before its server is let speak first (default 5s)",
       [](Options& o, const std::string& v) { o.protocol_detection_timeout = parse_seconds(v); }},
      {"--admin-address", "HOST:PORT",
       "the admin interface (default 127.0.0.1:15014; port 0 takes a free one)",
       [](Options& o, const std::string& v) { o.admin_address = v; }},
      {"--xds-address-path", "FILE", "write the xDS address in use to FILE",
       [](Options& o, const std::string& v) { o.xds_address_path = v; }},
      {"--xds-tls-address-path", "FILE", "write the xDS address over TLS in use to FILE",
       [](Options& o, const std::string& v) { o.xds_tls_address_path = v; }},
      {"--admin-address-path", "FILE", "write the admin address in use to FILE",
       [](Options& o, const std::string& v) { o.admin_address_path = v; }},
      {"--webhook-address-path", "FILE", "write the webhook's address in use to FILE",
       [](Options& o, const std::string& v) { o.webhook_address_path = v; }},
      {"--api-address-path", "FILE", "write the API's address in use to FILE",
       [](Options& o, const std::string& v) { o.api_address_path = v; }},
      {"--rollout-min-interval", "MS",
       "canaries tick at most so often, in milliseconds (default 10000, as Flagger; less is for tests)",
       [](Options& o, const std::string& v) { o.rollout_min_interval = parse_milliseconds(v); }},
      {"--validate", nullptr, "print every error and warning, then exit: 0 without errors, else 1",
       [](Options& o, const std::string&) { o.validate = true; }},
      {"--log-level", "LEVEL", "trace, debug, info (default), warning, error, critical or off; also -l",
       [](Options& o, const std::string& v) { o.log_level = v; }},
      {"--version", nullptr, "print the version and exit",
       [](Options& o, const std::string&) { o.version = true; }},
      {"--help", nullptr, "print this and exit", [](Options& o, const std::string&) { o.help = true; }},
  };
  return kFlags;
}

std::string long_name(const std::string& name) {
  if (name == "-l") return "--log-level";
  if (name == "-c") return "--config";
  if (name == "-h") return "--help";
  return name;
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const size_t equals = arguments[i].starts_with("--") ? arguments[i].find('=') : std::string::npos;
    const std::string name = long_name(arguments[i].substr(0, equals));
    const auto flag =
        std::find_if(flags().begin(), flags().end(), [&](const Flag& f) { return f.name == name; });
    if (flag == flags().end())
      return Error{"unknown argument " + arguments[i] + "; --help lists what there is"};
    if (flag->value == nullptr) {
      if (equals != std::string::npos) return Error{name + " takes no value"};
      flag->set(options, "");
    } else if (equals != std::string::npos) {
      flag->set(options, arguments[i].substr(equals + 1));
    } else if (++i < arguments.size()) {
      flag->set(options, arguments[i]);
    } else {
      return Error{name + " needs a value: " + flag->value};
    }
  }
  const auto checked = check_options(options);
  if (!checked.ok()) return Error{checked.error()};
  return options;
}

std::string usage() {
  constexpr size_t kColumn = 32;
  std::string text =
      "remora-control: Istio's resources in, xDS out\n\n"
      "usage: remora-control [--config PATH]... [flags]\n\n";
  for (const Flag& flag : flags()) {
    std::string line = std::string("  ") + flag.name;
    if (flag.value != nullptr) line += std::string(" ") + flag.value;
    line.resize(std::max(line.size() + 1, kColumn), ' ');
    text += line + flag.help + '\n';
  }
  return text;
}

}  // namespace remora::xds
