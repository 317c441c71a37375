#include "kubernetes/kinds.h"

#include <algorithm>

#include "kubernetes/slim.h"

namespace remora::kubernetes {
namespace {

constexpr std::string_view kIstio = "networking.istio.io";
constexpr std::string_view kIstioSecurity = "security.istio.io";
constexpr std::string_view kFlagger = "flagger.app";

std::vector<ApiKind> make_table() {
  const std::vector<std::string_view> v1{"v1"};
  const std::vector<std::string_view> istio{"v1", "v1beta1", "v1alpha3"};
  const std::vector<std::string_view> security{"v1", "v1beta1"};
  const std::vector<std::string_view> flagger{"v1beta1"};
  const Need routing = Need::kRouting, rollouts = Need::kRollouts, on_demand = Need::kOnDemand;
  // group, versions, kind, plural, need, namespaced, custom, slim
  return {
      {kIstio, istio, "VirtualService", "virtualservices", routing, true, true},
      {kIstio, istio, "DestinationRule", "destinationrules", routing, true, true},
      {kIstio, istio, "ServiceEntry", "serviceentries", routing, true, true},
      {kIstio, istio, "WorkloadEntry", "workloadentries", routing, true, true},
      {kIstio, istio, "Gateway", "gateways", routing, true, true},
      {kIstio, istio, "Sidecar", "sidecars", routing, true, true},
      {kIstioSecurity, security, "PeerAuthentication", "peerauthentications", routing, true, true},
      {kIstioSecurity, security, "RequestAuthentication", "requestauthentications", routing, true, true},
      {"", v1, "Service", "services", routing},
      {"discovery.k8s.io", v1, "EndpointSlice", "endpointslices", routing, true, false, slim_endpoint_slice},
      {"", v1, "Pod", "pods", routing, true, false, slim_pod},
      {"", v1, "Node", "nodes", routing, false, false, slim_node},
      {"", v1, "Namespace", "namespaces", routing, false},
      {"apps", v1, "Deployment", "deployments", rollouts},
      {"apps", v1, "DaemonSet", "daemonsets", rollouts},
      {"autoscaling", {"v2"}, "HorizontalPodAutoscaler", "horizontalpodautoscalers", rollouts},
      {kFlagger, flagger, "Canary", "canaries", rollouts, true, true},
      {kFlagger, flagger, "MetricTemplate", "metrictemplates", rollouts, true, true},
      {kFlagger, flagger, "AlertProvider", "alertproviders", rollouts, true, true},
      {"", v1, "ConfigMap", "configmaps", on_demand},
      {"", v1, "Secret", "secrets", on_demand},
  };
}

}  // namespace

std::string ApiKind::type() const {
  std::string type(plural);
  if (!group.empty()) type.append(1, '.').append(group);
  return type;
}

std::string ApiKind::api_version(std::string_view version) const {
  return group.empty() ? std::string(version) : std::string(group) + '/' + std::string(version);
}

std::string ApiKind::path(std::string_view version, const std::string& ns) const {
  std::string path = (group.empty() ? "/api/" : "/apis/") + api_version(version);
  if (!ns.empty()) path += "/namespaces/" + ns;
  return path.append(1, '/').append(plural);
}

std::string ApiKind::path(std::string_view version, const store::ObjectKey& key) const {
  return path(version, key.ns) + '/' + key.name;
}

std::span<const ApiKind> api_kinds() {
  static const std::vector<ApiKind> kTable = make_table();
  return kTable;
}

const ApiKind* find_api_kind(std::string_view type) {
  const auto found = std::find_if(api_kinds().begin(), api_kinds().end(),
                                  [&](const ApiKind& kind) { return kind.type() == type; });
  return found == api_kinds().end() ? nullptr : &*found;
}

}  // namespace remora::kubernetes
