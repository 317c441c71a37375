#pragma once

#include <array>
#include <string>
#include <string_view>

#include "remora/core/failure.h"
#include "remora/filter/workload.h"

namespace remora::filters {

/// The labels of Istio's HTTP metrics, in Istio's order. Source: Istio, standard metrics.
inline constexpr std::array<std::string_view, 25> kIstioLabels = {
    "reporter",
    "source_workload",
    "source_canonical_service",
    "source_canonical_revision",
    "source_workload_namespace",
    "source_principal",
    "source_app",
    "source_version",
    "source_cluster",
    "destination_workload",
    "destination_workload_namespace",
    "destination_principal",
    "destination_app",
    "destination_version",
    "destination_service",
    "destination_canonical_service",
    "destination_canonical_revision",
    "destination_service_name",
    "destination_service_namespace",
    "destination_cluster",
    "request_protocol",
    "response_code",
    "grpc_response_status",
    "response_flags",
    "connection_security_policy",
};

/// So many of them do not depend on the answer: the labels of the counts of messages.
inline constexpr size_t kIstioMessageLabels = 20;

/// One value per label of kIstioLabels.
using IstioLabelValues = std::array<std::string, kIstioLabels.size()>;

/// The service that a request was for; empty parts: not known.
struct Service {
  std::string host;  ///< "reviews.default.svc.cluster.local"
  std::string name;  ///< "reviews"
  std::string namespace_name;
};

/// What the label values of one request are made from.
struct LabelInputs {
  bool server = false;              ///< reporter="destination": this proxy is the destination
  const Workload* local = nullptr;  ///< never null
  const Workload* peer = nullptr;   ///< null: not known
  Service service;
  bool grpc = false;
  uint16_t response_code = 0;
  std::string grpc_status;
  ResponseFlags flags;
  // The URI names of the certificates of a connection with mutual TLS; empty where there is none.
  std::string_view local_principal{};
  std::string_view peer_principal{};
};

IstioLabelValues istio_labels(const LabelInputs& inputs);

}  // namespace remora::filters
