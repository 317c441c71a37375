#include <set>

#include "istio/model/hosts.h"
#include "istio/model/protocol.h"
#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

/// The protocol of a Service's port, by appProtocol, else by its name. TCP is Kubernetes' transport, not
/// ours.
Protocol read_protocol(Fields& fields, const std::string& name) {
  std::string transport = "TCP";
  fields.string("protocol", transport);
  std::string app_protocol;
  if (fields.string("appProtocol", app_protocol)) return protocol_of_word(app_protocol);
  if (transport != "TCP") return Protocol::kOther;
  return protocol_of_port_name(name);
}

ServicePort read_service_port(Fields& fields) {
  ServicePort port;
  std::optional<uint16_t> number;
  if (!read_port(fields, "port", number) && !fields.has("port")) fields.error("port", "is required");
  port.number = number.value_or(0);
  fields.string("name", port.name);
  port.protocol = protocol_on_port(read_protocol(fields, port.name), port.number);
  if (port.protocol == Protocol::kOther) fields.warning("", "gets no listener: its protocol is not carried");
  if (port.protocol == Protocol::kUndeclared) {
    fields.warning("",
                   "does not declare its protocol and is taken for HTTP: name it http, http-... or tcp-...");
  }
  if (fields.is_string("targetPort")) {
    fields.string("targetPort", port.target_name);
  } else {
    read_port(fields, "targetPort", port.target_port);
  }
  fields.ignore({"nodePort"});
  return port;
}

void read_type(Fields& spec, Service& service) {
  enum class Type { kCluster, kExternalName };
  static const Words<Type> kTypes{{"ClusterIP", Type::kCluster},
                                  {"NodePort", Type::kCluster},
                                  {"LoadBalancer", Type::kCluster},
                                  {"ExternalName", Type::kExternalName}};
  Type type = Type::kCluster;
  spec.word("type", kTypes, type);
  std::string name;
  const bool given = spec.string("externalName", name);
  if (type == Type::kCluster) {
    if (!name.empty()) spec.warning("externalName", "has no effect: it goes with type ExternalName");
    return;
  }
  if (name.ends_with('.')) name.pop_back();
  if (!given && !spec.has("externalName")) spec.error("externalName", "is required with type ExternalName");
  if (given && !is_dns_name(name)) spec.error("externalName", '"' + name + "\" is no full name");
  service.external_name = std::move(name);
}

/// clusterIPs repeats clusterIP as its first.
void read_addresses(Fields& spec, Service& service) {
  std::vector<std::string> addresses;
  std::string first;
  spec.strings("clusterIPs", addresses);
  if (spec.string("clusterIP", first) && addresses.empty()) addresses.push_back(first);
  service.headless = !addresses.empty() && addresses.front() == "None";
  for (std::string& address : addresses) {
    if (is_ip_address(address)) service.cluster_ips.push_back(std::move(address));
  }
  std::vector<std::string> families;
  if (spec.strings("ipFamilies", families) && !families.empty()) {
    service.ipv6_first = families.front() == "IPv6";
  } else if (!service.cluster_ips.empty()) {
    service.ipv6_first = service.cluster_ips.front().find(':') != std::string::npos;
  }
  spec.boolean("publishNotReadyAddresses", service.publish_not_ready);
}

void read_container(Fields& fields, Deployment& deployment) {
  fields.objects("ports", [&](Fields& item) {
    std::optional<uint16_t> port;
    if (read_port(item, "containerPort", port)) deployment.container_ports.push_back(*port);
    item.ignore({"name", "protocol", "hostPort", "hostIP"});
  });
  fields.ignore_rest();
}

}  // namespace

Service read_service(Fields& spec) {
  Service service;
  std::set<uint16_t> numbers;
  spec.objects("ports", [&](Fields& item) {
    ServicePort port = read_service_port(item);
    if (!numbers.insert(port.number).second) {
      item.error("port", "port " + std::to_string(port.number) + " is used twice");
    }
    service.ports.push_back(std::move(port));
  });
  if (service.ports.size() > 1) {
    for (const ServicePort& port : service.ports) {
      if (port.name.empty()) spec.error("ports", "every port needs a name where there are several");
    }
  }
  spec.string_map("selector", service.selector);
  read_type(spec, service);
  read_addresses(spec, service);
  const bool needs_ports = !service.headless && service.external_name.empty();
  if (service.ports.empty() && needs_ports) spec.error("ports", "must have at least one port");
  // What moves packets outside of the mesh, and so changes nothing inside of it.
  spec.ignore({"ipFamilyPolicy", "externalIPs", "externalTrafficPolicy", "healthCheckNodePort",
               "loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges",
               "allocateLoadBalancerNodePorts"});
  std::string affinity;
  if (spec.string("sessionAffinity", affinity) && affinity != "None") {
    spec.warning("sessionAffinity", "does not hold for traffic through sidecars");
  }
  spec.ignore({"sessionAffinityConfig"});
  std::string internal;  // an API server writes Cluster into every Service
  if (spec.string("internalTrafficPolicy", internal) && internal != "Cluster") {
    spec.warning("internalTrafficPolicy", "is not implemented: all endpoints get traffic");
  }
  spec.unsupported("trafficDistribution", Severity::kWarning,
                   "is not implemented: all endpoints get traffic");
  return service;
}

Deployment read_deployment(Fields& spec) {
  Deployment deployment;
  spec.object("template", [&](Fields& pod) {
    pod.object("metadata", [&](Fields& meta) {
      meta.string_map("labels", deployment.pod_labels);
      meta.ignore_rest();
    });
    pod.object("spec", [&](Fields& pod_spec) {
      pod_spec.string("serviceAccountName", deployment.service_account);
      pod_spec.objects("containers", [&](Fields& item) { read_container(item, deployment); });
      pod_spec.ignore_rest();
    });
  });
  spec.ignore_rest();  // how pods run is Kubernetes' business
  return deployment;
}

}  // namespace remora::istio
