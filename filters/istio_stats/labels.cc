#include "istio_stats/labels.h"

#include <algorithm>

namespace remora::filters {
namespace {

constexpr size_t index_of(std::string_view label) {
  return static_cast<size_t>(std::ranges::find(kIstioLabels, label) - kIstioLabels.begin());
}

std::string or_else(const std::string& value, std::string_view otherwise) {
  return value.empty() ? std::string(otherwise) : value;
}

// The labels that both sides have.
void set_source(const Workload& workload, IstioLabelValues& labels) {
  labels[index_of("source_workload")] = or_else(workload.name, "unknown");
  labels[index_of("source_canonical_service")] = or_else(workload.canonical_name, "unknown");
  labels[index_of("source_canonical_revision")] = or_else(workload.canonical_revision, "latest");
  labels[index_of("source_workload_namespace")] = or_else(workload.namespace_name, "unknown");
  labels[index_of("source_app")] = or_else(workload.app, "unknown");
  labels[index_of("source_version")] = or_else(workload.version, "unknown");
  labels[index_of("source_cluster")] = or_else(workload.cluster, "unknown");
}

void set_destination(const Workload& workload, IstioLabelValues& labels) {
  labels[index_of("destination_workload")] = or_else(workload.name, "unknown");
  labels[index_of("destination_workload_namespace")] = or_else(workload.namespace_name, "unknown");
  labels[index_of("destination_app")] = or_else(workload.app, "unknown");
  labels[index_of("destination_version")] = or_else(workload.version, "unknown");
  labels[index_of("destination_canonical_service")] = or_else(workload.canonical_name, "unknown");
  labels[index_of("destination_canonical_revision")] = or_else(workload.canonical_revision, "latest");
  labels[index_of("destination_cluster")] = or_else(workload.cluster, "unknown");
}

// A server that was not told its service is its own canonical service. A client knows a service's namespace
// from the workload that answered, and where nobody answered from the cluster.
void set_service(const LabelInputs& inputs, const Workload& destination, IstioLabelValues& labels) {
  const std::string otherwise = inputs.server ? or_else(destination.canonical_name, "unknown") : "unknown";
  const std::string space = inputs.server
                                ? destination.namespace_name
                                : or_else(destination.namespace_name, inputs.service.namespace_name);
  labels[index_of("destination_service")] = or_else(inputs.service.host, otherwise);
  labels[index_of("destination_service_name")] = or_else(inputs.service.name, otherwise);
  labels[index_of("destination_service_namespace")] = or_else(space, "unknown");
}

// The namespace of a SPIFFE identity as Istio writes them: spiffe://<trust
// domain>/ns/<namespace>/sa/<account>.
std::string_view namespace_of(std::string_view principal) {
  constexpr std::string_view kScheme = "spiffe://";
  constexpr std::string_view kNamespace = "/ns/";
  if (!principal.starts_with(kScheme)) return {};
  principal.remove_prefix(kScheme.size());
  principal.remove_prefix(std::min(principal.find('/'), principal.size()));
  if (!principal.starts_with(kNamespace)) return {};
  principal.remove_prefix(kNamespace.size());
  return principal.substr(0, principal.find('/'));
}

void set_principals(const LabelInputs& inputs, IstioLabelValues& labels) {
  const auto source = inputs.server ? inputs.peer_principal : inputs.local_principal;
  const auto destination = inputs.server ? inputs.local_principal : inputs.peer_principal;
  labels[index_of("source_principal")] = or_else(std::string(source), "unknown");
  labels[index_of("destination_principal")] = or_else(std::string(destination), "unknown");
}

}  // namespace

IstioLabelValues istio_labels(const LabelInputs& inputs) {
  Workload peer = inputs.peer == nullptr ? Workload() : *inputs.peer;
  // What a certificate proves goes before what a peer says of itself.
  if (const auto proven = namespace_of(inputs.peer_principal); !proven.empty()) peer.namespace_name = proven;
  const Workload& source = inputs.server ? peer : *inputs.local;
  const Workload& destination = inputs.server ? *inputs.local : peer;

  IstioLabelValues labels;
  labels.fill("unknown");
  labels[index_of("reporter")] = inputs.server ? "destination" : "source";
  set_source(source, labels);
  set_destination(destination, labels);
  set_service(inputs, destination, labels);
  set_principals(inputs, labels);
  labels[index_of("request_protocol")] = inputs.grpc ? "grpc" : "http";
  labels[index_of("response_code")] = std::to_string(inputs.response_code);
  labels[index_of("grpc_response_status")] = inputs.grpc_status;
  labels[index_of("response_flags")].clear();
  inputs.flags.append_short(labels[index_of("response_flags")]);
  // Only the server's side of a connection can tell whether it was mutual TLS.
  if (inputs.server) {
    const bool mutual = !inputs.peer_principal.empty() && !inputs.local_principal.empty();
    labels[index_of("connection_security_policy")] = mutual ? "mutual_tls" : "none";
  }
  return labels;
}

}  // namespace remora::filters
