#include "store/kinds.h"

#include <algorithm>

namespace remora::store {
namespace {

constexpr std::string_view kIstio = "networking.istio.io";
constexpr std::string_view kIstioSecurity = "security.istio.io";
constexpr std::string_view kFlagger = "flagger.app";
const std::vector<std::string_view> kIstioVersions{"v1", "v1beta1", "v1alpha3"};
const std::vector<std::string_view> kIstioCategories{"istio-io", "networking-istio-io"};

const std::vector<Kind>& table() {
  static const std::vector<Kind> kKinds{
      {.group = "",
       .versions = {"v1"},
       .kind = "ConfigMap",
       .plural = "configmaps",
       .singular = "configmap",
       .short_names = {"cm"}},
      {.group = "",
       .versions = {"v1"},
       .kind = "Namespace",
       .plural = "namespaces",
       .singular = "namespace",
       .short_names = {"ns"},
       .namespaced = false,
       .has_status = true},
      {.group = "", .versions = {"v1"}, .kind = "Secret", .plural = "secrets", .singular = "secret"},
      {.group = "",
       .versions = {"v1"},
       .kind = "Service",
       .plural = "services",
       .singular = "service",
       .short_names = {"svc"},
       .categories = {"all"},
       .has_status = true},
      {.group = "apps",
       .versions = {"v1"},
       .kind = "Deployment",
       .plural = "deployments",
       .singular = "deployment",
       .short_names = {"deploy"},
       .categories = {"all"},
       .has_status = true},
      {.group = kFlagger,
       .versions = {"v1beta1"},
       .kind = "AlertProvider",
       .plural = "alertproviders",
       .singular = "alertprovider",
       .has_status = true},
      {.group = kFlagger,
       .versions = {"v1beta1"},
       .kind = "Canary",
       .plural = "canaries",
       .singular = "canary",
       .short_names = {"cd"},
       .categories = {"all"},
       .has_status = true},
      {.group = kFlagger,
       .versions = {"v1beta1"},
       .kind = "MetricTemplate",
       .plural = "metrictemplates",
       .singular = "metrictemplate",
       .has_status = true},
      {.group = kIstio,
       .versions = kIstioVersions,
       .kind = "DestinationRule",
       .plural = "destinationrules",
       .singular = "destinationrule",
       .short_names = {"dr"},
       .categories = kIstioCategories,
       .has_status = true},
      {.group = kIstio,
       .versions = kIstioVersions,
       .kind = "Gateway",
       .plural = "gateways",
       .singular = "gateway",
       .short_names = {"gw"},
       .categories = kIstioCategories,
       .has_status = true},
      {.group = kIstio,
       .versions = kIstioVersions,
       .kind = "ServiceEntry",
       .plural = "serviceentries",
       .singular = "serviceentry",
       .short_names = {"se"},
       .categories = kIstioCategories,
       .has_status = true},
      {.group = kIstio,
       .versions = kIstioVersions,
       .kind = "Sidecar",
       .plural = "sidecars",
       .singular = "sidecar",
       .short_names = {},
       .categories = kIstioCategories,
       .has_status = true},
      {.group = kIstio,
       .versions = kIstioVersions,
       .kind = "VirtualService",
       .plural = "virtualservices",
       .singular = "virtualservice",
       .short_names = {"vs"},
       .categories = kIstioCategories,
       .has_status = true},
      {.group = kIstio,
       .versions = kIstioVersions,
       .kind = "WorkloadEntry",
       .plural = "workloadentries",
       .singular = "workloadentry",
       .short_names = {"we"},
       .categories = kIstioCategories,
       .has_status = true},
      {.group = kIstioSecurity,
       .versions = {"v1", "v1beta1"},
       .kind = "PeerAuthentication",
       .plural = "peerauthentications",
       .singular = "peerauthentication",
       .short_names = {"pa"},
       .categories = {"istio-io", "security-istio-io"},
       .has_status = true},
      {.group = kIstioSecurity,
       .versions = {"v1", "v1beta1"},
       .kind = "RequestAuthentication",
       .plural = "requestauthentications",
       .singular = "requestauthentication",
       .short_names = {"ra"},
       .categories = {"istio-io", "security-istio-io"},
       .has_status = true},
  };
  return kKinds;
}

}  // namespace

std::string Kind::type() const {
  std::string type(plural);
  if (!group.empty()) type.append(1, '.').append(group);
  return type;
}

std::span<const Kind> kinds() { return table(); }

const Kind* find_kind(std::string_view type) {
  const auto found =
      std::find_if(table().begin(), table().end(), [&](const Kind& k) { return k.type() == type; });
  return found == table().end() ? nullptr : &*found;
}

const Kind* find_kind(std::string_view api_version, std::string_view kind) {
  const size_t slash = api_version.find('/');
  const std::string_view group = slash == std::string_view::npos ? "" : api_version.substr(0, slash);
  const std::string_view version =
      slash == std::string_view::npos ? api_version : api_version.substr(slash + 1);
  const auto found = std::find_if(table().begin(), table().end(), [&](const Kind& k) {
    return k.kind == kind && k.group == group &&
           std::find(k.versions.begin(), k.versions.end(), version) != k.versions.end();
  });
  return found == table().end() ? nullptr : &*found;
}

}  // namespace remora::store
