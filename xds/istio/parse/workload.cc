#include "istio/model/hosts.h"
#include "istio/parse/readers.h"

namespace remora::istio {

Workload read_workload(Fields& spec) {
  Workload workload;
  const bool given = spec.string("address", workload.address);
  if (given && !is_ip_address(workload.address) && !is_dns_name(workload.address)) {
    spec.error("address", "\"" + workload.address +
                              "\" is neither an IP address nor a full name: sockets are not implemented");
  }
  if (!given && !spec.has("address")) spec.error("address", "is required");
  // Port names are data; each value is a port number.
  spec.object("ports", [&](Fields& ports) {
    for (const std::string& name : ports.names()) {
      std::optional<uint16_t> port;
      if (read_port(ports, name, port)) workload.ports[name] = *port;
    }
  });
  spec.string_map("labels", workload.labels);
  spec.string("locality", workload.locality);
  std::optional<uint32_t> weight;
  if (spec.unsigned_integer("weight", weight, 1U, 128U)) workload.weight = *weight;
  spec.string("serviceAccount", workload.service_account);
  std::string network;
  if (spec.string("network", network) && !network.empty()) {
    spec.error("network", "is not implemented: one flat network is assumed");
  }
  return workload;
}

}  // namespace remora::istio
