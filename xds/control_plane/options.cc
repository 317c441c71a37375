#include "control_plane/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>

#include "istio/text/scalar.h"

namespace remora::xds {
namespace {

struct Flag {
  const char* name;
  const char* value;  ///< what --help calls its value; null for a switch
  const char* help;
  std::function<void(Options&, const std::string&)> set;
};

/// Whole seconds; zero where it is no such duration, which check() refuses.
std::chrono::seconds parse_seconds(const std::string& text) {
  const auto duration = istio::parse_duration(text);
  return duration ? std::chrono::duration_cast<std::chrono::seconds>(*duration) : std::chrono::seconds(0);
}

/// None where it is no such word, which check() refuses.
std::optional<istio::OutboundPolicy> parse_policy(const std::string& text) {
  if (text == "ALLOW_ANY") return istio::OutboundPolicy::kAllowAny;
  if (text == "REGISTRY_ONLY") return istio::OutboundPolicy::kRegistryOnly;
  return std::nullopt;
}

/// Zero where it is no such number; check() refuses that.
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

Result<void> check_interception(const Options& options) {
  if (!options.outbound_policy) {
    return Error{"--outbound-traffic-policy must be ALLOW_ANY or REGISTRY_ONLY"};
  }
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

Result<void> check(const Options& options) {
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
  if (auto good = check_interception(options); !good.ok()) return good;
  return check_identity(options);
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
  const auto checked = check(options);
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
