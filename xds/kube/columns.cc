#include "kube/columns.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "kube/age.h"
#include "kube/cells.h"
#include "kube/value_path.h"
#include "store/metadata.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using Columns = std::vector<Column>;

json::value age_cell(const store::Object& object, Column::Now now) {
  return json::value(age(store::metadata_text(object.body, "creationTimestamp"), now));
}

const Column kAge{"Age", "string", "Time since the object was created.", 0, {}, age_cell};

// The names, their order and what is only in wide output are those of Istio's and Flagger's resource
// definitions and of Kubernetes' own tables, so that scripts that read them go on working.

Columns virtual_service() {
  return {{"Gateways", "string", "Gateways and sidecars that the routes are for.", 0, "spec.gateways"},
          {"Hosts", "string", "Hosts whose traffic is routed.", 0, "spec.hosts"},
          kAge};
}

Columns destination_rule() {
  return {{"Host", "string", "Service that the rule is about.", 0, "spec.host"}, kAge};
}

Columns service_entry() {
  return {{"Hosts", "string", "Hosts of the service.", 0, "spec.hosts"},
          {"Location", "string", "Whether the service is part of the mesh.", 0, "spec.location"},
          {"Resolution", "string", "How the service's endpoints are found.", 0, "spec.resolution"},
          kAge};
}

Columns workload_entry() {
  return {kAge, {"Address", "string", "Where the workload listens.", 0, "spec.address"}};
}

Columns canary() {
  return {{"Status", "string", "Phase of the rollout.", 0, "status.phase"},
          {"Weight", "string", "Percent of traffic that the canary gets.", 0, "status.canaryWeight"},
          {"Suspended", "boolean", "Whether the rollout is suspended.", 1, "spec.suspend"},
          {"FailedChecks", "string", "Checks that have failed so far.", 1, "status.failedChecks"},
          {"Interval", "string", "Time between two checks.", 1, "spec.analysis.interval"},
          {"Mirror", "boolean", "Whether traffic is mirrored first.", 1, "spec.analysis.mirror"},
          {"StepWeight", "string", "Percent that a step adds.", 1, "spec.analysis.stepWeight"},
          {"StepWeights", "string", "Percents of all steps.", 1, "spec.analysis.stepWeights"},
          {"MaxWeight", "string", "Percent at which the canary is promoted.", 1, "spec.analysis.maxWeight"},
          {"LastTransitionTime", "string", "When the phase last changed.", 0, "status.lastTransitionTime"}};
}

Columns metric_template() {
  return {{"Provider", "string", "Where values come from.", 0, "spec.provider.type"}};
}

Columns alert_provider() { return {{"Type", "string", "What kind of receiver it is.", 0, "spec.type"}}; }

Columns deployment() {
  return {{"Ready", "string", "Ready replicas of those wanted.", 0, {}, ready_cell},
          {"Up-to-date", "integer", "Replicas of the current template.", 0, {}, up_to_date_cell},
          {"Available", "integer", "Replicas that are ready for long enough.", 0, {}, available_cell},
          kAge,
          {"Containers", "string", "Names of the template's containers.", 1, {}, containers_cell},
          {"Images", "string", "Images of the template's containers.", 1, {}, images_cell},
          {"Selector", "string", "Labels by which its pods are found.", 1, {}, deployment_selector_cell}};
}

Columns service() {
  return {{"Type", "string", "How the service is reached.", 0, {}, service_type_cell},
          {"Cluster-IP", "string", "Its address in the mesh.", 0, {}, cluster_ip_cell},
          {"External-IP", "string", "Its addresses outside.", 0, {}, external_ip_cell},
          {"Port(s)", "string", "Its ports.", 0, {}, ports_cell},
          kAge,
          {"Selector", "string", "Labels by which its workloads are found.", 1, {}, service_selector_cell}};
}

Columns peer_authentication() {
  return {{"Mode", "string", "Whether clients must come over mutual TLS.", 0, "spec.mtls.mode"}, kAge};
}

Columns request_authentication() {
  return {{"Issuer", "string", "Whose tokens are known.", 0, "spec.jwtRules[0].issuer"}, kAge};
}

Columns gateway() {
  return {{"Selector", "string", "Labels of the proxies.", 0, "spec.selector"},
          {"Hosts", "string", "Hosts of the first server.", 1, "spec.servers[0].hosts"},
          kAge};
}

Columns sidecar() {
  return {
      {"Policy", "string", "What becomes of traffic to unknown hosts.", 0, "spec.outboundTrafficPolicy.mode"},
      kAge};
}

Columns config_map() { return {{"Data", "string", "Number of entries.", 0, {}, entries_cell}, kAge}; }

Columns secret() {
  return {{"Type", "string", "What the secret is for.", 0, {}, secret_type_cell},
          {"Data", "string", "Number of entries.", 0, {}, entries_cell},
          kAge};
}

Columns name_space() { return {{"Status", "string", "Whether it is in use.", 0, "status.phase"}, kAge}; }

using Table = std::map<std::string, Columns, std::less<>>;

const Table& table() {
  static const Table kTable{{"VirtualService", virtual_service()},
                            {"DestinationRule", destination_rule()},
                            {"ServiceEntry", service_entry()},
                            {"WorkloadEntry", workload_entry()},
                            {"PeerAuthentication", peer_authentication()},
                            {"RequestAuthentication", request_authentication()},
                            {"Gateway", gateway()},
                            {"Sidecar", sidecar()},
                            {"Canary", canary()},
                            {"MetricTemplate", metric_template()},
                            {"AlertProvider", alert_provider()},
                            {"Deployment", deployment()},
                            {"Service", service()},
                            {"ConfigMap", config_map()},
                            {"Secret", secret()},
                            {"Namespace", name_space()}};
  return kTable;
}

/// What stands at a path, as a custom resource's columns show it: lists and maps as JSON, and nothing (null)
/// where it is not there or not of the column's type.
json::value shown(const json::value* value, std::string_view type) {
  if (value == nullptr || value->is_null()) return nullptr;
  if (type == "boolean") return value->is_bool() ? *value : json::value();
  if (type == "integer") return value->is_number() ? *value : json::value();
  return value->is_string() ? *value : json::value(json::serialize(*value));
}

}  // namespace

const std::vector<Column>& columns_of(const store::Kind& kind) {
  static const Columns kOnlyAge{kAge};
  const auto found = table().find(kind.kind);
  return found == table().end() ? kOnlyAge : found->second;
}

json::value cell_of(const Column& column, const store::Object& object, Column::Now now) {
  return column.cell != nullptr ? column.cell(object, now)
                                : shown(value_at(object.body, column.path), column.type);
}

}  // namespace remora::kube
