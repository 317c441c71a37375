#include <cstdio>

#include "ctl/commands.h"
#include "ctl/inject_settings.h"
#include "inject/bootstrap.h"
#include "store/yaml.h"

namespace remora::ctl {

/// The same bootstrap that injection gives to pods, for a proxy that somebody starts himself.
int bootstrap(const Arguments& arguments) {
  auto settings = inject_settings(arguments);
  if (!settings.ok()) return fail(settings.error().message);
  settings->capture.mode = arguments.get("--interception", "NONE");
  if (const auto checked = inject::check(*settings); !checked.ok()) return fail(checked.error().message);
  inject::SidecarNode node;
  if (arguments.has("--gateway")) {
    if (settings->capture.mode != "NONE") return fail("--gateway: nothing is intercepted for a gateway");
    node.type = "router";
  }
  node.ip = arguments.get("--ip");
  if (node.ip.empty()) return fail("bootstrap needs --ip: where others reach the workload");
  node.ips = arguments.get("--ips", node.ip);
  node.name = arguments.words.front();
  node.ns = arguments.get("--namespace", "default");
  node.service_account = arguments.get("--service-account", "default");
  node.workload = node.name;
  node.service = node.name;
  for (const std::string& label : arguments.all("--label")) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail("--label: \"" + label + "\" is not NAME=VALUE");
    node.labels[label.substr(0, equals)] = label.substr(equals + 1);
  }
  const inject::SidecarProof proof{arguments.get("--token-file"), ""};
  std::fputs(store::to_yaml(inject::sidecar_bootstrap(*settings, node, proof, {})).c_str(), stdout);
  return kGood;
}

}  // namespace remora::ctl
