#include "kube/schema_text.h"

namespace remora::kube {

std::string_view core_schemas() {
  return R"(
ConfigMap object -- Configuration for others to read.
  data map:string -- Texts by name.
  binaryData map:string -- Bytes by name, in base64.
  immutable bool -- Whether data cannot be changed any more.
Secret object -- Credentials for others to read.
  data map:string -- Bytes by name, in base64.
  stringData map:string -- Texts by name; written into data.
  type string -- What it is for; Opaque where not given.
  immutable bool -- Whether data cannot be changed any more.
Namespace object -- A scope for names.
  spec object -- What its author wants.
    finalizers []string -- Names that must be taken out before it goes.
  status object open -- How far it is.
    phase string -- Active or Terminating.
    conditions []@Condition keys=type -- Aspects of its state.
Service object -- A name for a set of workloads, and the ports that clients use.
  spec object -- What its author wants.
    type enum:ClusterIP|NodePort|LoadBalancer|ExternalName -- How it is exposed; to a mesh the first three are the same, and ExternalName is another name of a host.
    selector map:string atomic -- Labels of its workloads.
    ports []object keys=port,protocol -- Its ports.
      name string -- Needed where there are several.
      port! int -- The port that clients use.
      targetPort int-or-string -- The workloads' port, by number or name; the same where not given.
      protocol string default=TCP -- TCP, UDP or SCTP.
      appProtocol string -- What is spoken, such as http.
      nodePort int -- The port on every node.
    clusterIP string -- Its address, or None.
    clusterIPs []string atomic -- Its addresses.
    externalIPs []string atomic -- Further addresses that lead here.
    externalName string -- The host that it is another name of.
    externalTrafficPolicy string -- Has no effect on traffic of the mesh.
    internalTrafficPolicy string -- Cluster; Local is not implemented: all endpoints get traffic.
    trafficDistribution string -- Not implemented: all endpoints get traffic.
    sessionAffinity string -- Does not hold for traffic through sidecars.
    sessionAffinityConfig object -- Has no effect.
      clientIP object -- For affinity by address.
        timeoutSeconds int -- How long it lasts.
    healthCheckNodePort int -- Has no effect.
    ipFamilies []string atomic -- Has no effect.
    ipFamilyPolicy string -- Has no effect.
    loadBalancerClass string -- Has no effect.
    loadBalancerIP string -- Has no effect.
    loadBalancerSourceRanges []string atomic -- Has no effect.
    allocateLoadBalancerNodePorts bool -- Has no effect.
    publishNotReadyAddresses bool -- Has no effect.
  status object open -- What has become of it.
    loadBalancer object -- Addresses outside.
      ingress []any -- Each of them.
    conditions []@Condition keys=type -- Aspects of its state.
)";
}

}  // namespace remora::kube
