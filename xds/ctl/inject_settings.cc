#include "ctl/inject_settings.h"

#include <fstream>
#include <iterator>

#include "inject/settings_file.h"

namespace remora::ctl {
namespace {

struct TextFlag {
  Flag flag;
  std::string inject::Settings::*member;
};

const std::vector<TextFlag>& text_flags() {
  using inject::Settings;
  static const std::vector<TextFlag> kFlags{
      {{"--image", "", "IMAGE", "what runs the sidecar (default remora:0.1.0)"}, &Settings::image},
      {{"--image-pull-policy", "", "WORD", "Always, IfNotPresent or Never"}, &Settings::image_pull_policy},
      {{"--discovery-address", "", "HOST:PORT",
        "the control plane's --xds-tls-address (default remora-control.istio-system.svc:15012)"},
       &Settings::discovery_address},
      {{"--trust-domain", "", "NAME", "the mesh's trust domain (default cluster.local)"},
       &Settings::trust_domain},
      {{"--root-namespace", "", "NAME", "as remora-control has it (default istio-system)"},
       &Settings::root_namespace},
      {{"--revision", "", "NAME", "istio.io/rev of the pods (default default)"}, &Settings::revision},
      {{"--address-family", "", "WORD", "of the pods: ipv4 (default), ipv6 or dual"},
       &Settings::address_family}};
  return kFlags;
}

Result<std::string> root_of(const Arguments& arguments) {
  const std::string path = arguments.get("--ca-root-file");
  if (path.empty()) {
    if (arguments.has("--plain-text")) return std::string();
    return Error{
        "--ca-root-file is not given: who has signed the control plane's certificate; --plain-text does "
        "without"};
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return Error{"--ca-root-file: " + path + " cannot be read"};
  if (text.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    return Error{"--ca-root-file: " + path + " holds no certificate (PEM)"};
  }
  return text;
}

Result<inject::Settings> settings_of_file(const std::string& path) {
  if (path.empty()) return inject::Settings{};
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return Error{"--settings: " + path + " cannot be read"};
  auto settings = inject::read_settings(text, {});
  if (!settings.ok()) return Error{"--settings: " + path + ": " + settings.error().message};
  return settings;
}

}  // namespace

std::vector<Flag> inject_flags() {
  std::vector<Flag> flags{
      {"--ca-root-file", "", "FILE", "PEM: who has signed the control plane's certificate"},
      {"--plain-text", "", "", "the control plane is spoken to without TLS: no identities, no mutual TLS"},
      {"--settings", "", "FILE",
       "settings as remora-control's --injection-settings has them; flags count more"}};
  for (const TextFlag& known : text_flags()) flags.push_back(known.flag);
  return flags;
}

Result<inject::Settings> inject_settings(const Arguments& arguments) {
  auto base = settings_of_file(arguments.get("--settings"));
  if (!base.ok()) return Error{base.error()};
  inject::Settings settings = std::move(*base);
  for (const TextFlag& known : text_flags()) {
    if (arguments.has(known.flag.name)) settings.*known.member = arguments.get(known.flag.name);
  }
  auto root = root_of(arguments);
  if (!root.ok()) return Error{root.error()};
  settings.root_certificate = std::move(*root);
  if (arguments.has("--no-native-sidecar")) settings.native_sidecar = false;
  const auto checked = inject::check(settings);
  if (!checked.ok()) return Error{checked.error()};
  return settings;
}

}  // namespace remora::ctl
