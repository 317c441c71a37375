#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "remora/filter/workload.h"

namespace remora::filters {

/// The value of x-envoy-peer-metadata: a google.protobuf.Struct with Istio's fields (NAME, NAMESPACE,
/// WORKLOAD_NAME, CLUSTER_ID, OWNER and LABELS), serialized with its keys in order, in base64. The few wire
/// types of a Struct of strings are written and read here by hand, so that the request path does not depend
/// on protobuf. Source: Istio, metadata exchange; protobuf, encoding; google/protobuf/struct.proto.

/// `labels`: those of workload.labels that are sent besides Istio's own four.
std::string encode_workload(const Workload& workload, const std::set<std::string>& labels);

/// Anything may be in `text`: it comes from the network. nullopt if it is not such a value. Unknown fields
/// and values that are not strings are passed over; `labels` are kept in Workload::labels.
std::optional<Workload> decode_workload(std::string_view text, const std::set<std::string>& labels);

}  // namespace remora::filters
