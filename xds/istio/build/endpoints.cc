#include <map>

#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "istio/build/locality_order.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"
#include "istio/build/tls.h"
#include "istio/build/translate.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::endpoint::v3::LocalityLbEndpoints;

const std::string& first_label(const Labels& labels, std::initializer_list<const char*> names,
                               const std::string& otherwise) {
  for (const char* name : names) {
    const auto label = labels.find(name);
    if (label != labels.end()) return label->second;
  }
  return otherwise;
}

/// "name;namespace;canonical name;canonical revision;cluster": whom metrics name as the destination.
std::string workload_metadata(const Endpoint& endpoint, const std::string& cluster_id) {
  static const std::string kNone;
  const std::string& canonical =
      first_label(endpoint.labels, {"service.istio.io/canonical-name", "app.kubernetes.io/name", "app"},
                  endpoint.workload);
  const std::string& revision =
      first_label(endpoint.labels,
                  {"service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"}, kNone);
  return endpoint.workload + ';' + endpoint.ns + ';' + canonical + ';' + revision + ';' + cluster_id;
}

void set_locality(const std::string& text, LocalityLbEndpoints& group) {
  auto& locality = *group.mutable_locality();
  const Place place = parse_place(text);
  locality.set_region(place.region);
  locality.set_zone(place.zone);
  locality.set_sub_zone(place.sub_zone);
}

}  // namespace

ClusterLoadAssignment build_load_assignment(const ClusterParts& parts) {
  static const Labels kAll;
  const Labels& wanted = parts.subset == nullptr ? kAll : parts.subset->labels;
  ClusterLoadAssignment assignment;
  assignment.set_cluster_name(outbound_cluster_name(
      parts.port.number, parts.subset == nullptr ? "" : parts.subset->name, parts.service.host));
  const PolicySettings policy = effective_policy(parts.rule, parts.subset, parts.port.number);
  const bool by_endpoint = encryption_of(parts, policy) == Encryption::kWhereSidecar;
  const LocalityBalancing* localities = locality_balancing(policy);
  const bool fails_over = policy.outlier_detection.has_value();  // nothing else makes endpoints unhealthy
  std::map<std::pair<uint32_t, std::string>, LocalityLbEndpoints*> groups;
  for (const Endpoint& endpoint : parts.port.endpoints) {
    if (!endpoint.ready || !labels_match(wanted, endpoint.labels)) continue;
    const uint32_t distance = label_distance(localities, fails_over, parts.view.node(), endpoint);
    LocalityLbEndpoints*& group = groups[{distance, endpoint.locality}];
    if (group == nullptr) {
      group = assignment.add_endpoints();
      set_locality(endpoint.locality, *group);
      group->set_priority(distance);
    }
    auto& lb_endpoint = *group->add_lb_endpoints();
    set_socket_address(endpoint.address, endpoint.port, *lb_endpoint.mutable_endpoint()->mutable_address());
    lb_endpoint.mutable_load_balancing_weight()->set_value(endpoint.weight);
    auto& metadata = istio_metadata(*lb_endpoint.mutable_metadata());
    (*metadata.mutable_fields())["workload"].set_string_value(
        workload_metadata(endpoint, parts.view.node().cluster_id));
    if (by_endpoint && takes_mutual_tls(endpoint, parts.view.registry())) {
      set_tls_mode(
          (*lb_endpoint.mutable_metadata()->mutable_filter_metadata())["envoy.transport_socket_match"]);
    }
    auto& weight = *group->mutable_load_balancing_weight();
    weight.set_value(weight.value() + endpoint.weight);
  }
  if (localities != nullptr) order_localities(*localities, fails_over, parts.view.node(), assignment);
  return assignment;
}

}  // namespace remora::istio
