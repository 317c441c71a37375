#include "control_plane/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

namespace remora::xds {
namespace {

struct Flag {
  const char* name;
  const char* value;  ///< what --help calls its value; null for a switch
  const char* help;
  std::function<void(Options&, const std::string&)> set;
};

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
       "where proxies connect (default 127.0.0.1:15010; port 0 takes a free one)",
       [](Options& o, const std::string& v) { o.xds_address = v; }},
      {"--admin-address", "HOST:PORT",
       "the admin interface (default 127.0.0.1:15014; port 0 takes a free one)",
       [](Options& o, const std::string& v) { o.admin_address = v; }},
      {"--xds-address-path", "FILE", "write the xDS address in use to FILE",
       [](Options& o, const std::string& v) { o.xds_address_path = v; }},
      {"--admin-address-path", "FILE", "write the admin address in use to FILE",
       [](Options& o, const std::string& v) { o.admin_address_path = v; }},
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
  return {};
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
