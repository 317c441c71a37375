#include "istio/build/load_balancing.h"

#include <google/protobuf/util/json_util.h>

#include <optional>
#include <string>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/load_balancing_policies/least_request/v3/least_request.pb.h"
#include "envoy/extensions/load_balancing_policies/random/v3/random.pb.h"
#include "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb.h"
#include "envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.pb.h"
#include "istio/build/locality_order.h"
#include "istio/build/proto_util.h"
#include "udpa/type/v1/typed_struct.pb.h"

namespace remora::istio {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::cluster::v3::LoadBalancingPolicy;
using google::protobuf::Struct;
namespace policies = envoy::extensions::load_balancing_policies;

void set_table(const ConsistentHash& hash, Cluster& cluster) {
  constexpr uint64_t kRing = 1024;
  if (hash.maglev) {
    cluster.set_lb_policy(Cluster::MAGLEV);
    cluster.mutable_maglev_lb_config()->mutable_table_size()->set_value(hash.size);
    return;
  }
  cluster.set_lb_policy(Cluster::RING_HASH);
  cluster.mutable_ring_hash_lb_config()->mutable_minimum_ring_size()->set_value(hash.size == 0 ? kRing
                                                                                               : hash.size);
}

/// All spellings have the same fields.
template <typename Policy>
void set_slow_start(const std::optional<Warmup>& warmup, Policy& policy) {
  if (!warmup) return;
  auto& out = *policy.mutable_slow_start_config();
  set_duration(warmup->duration, *out.mutable_slow_start_window());
  out.mutable_min_weight_percent()->set_value(warmup->minimum_percent);
  auto& aggression = *out.mutable_aggression();
  aggression.set_default_value(warmup->aggression);
  aggression.set_runtime_key("upstream.slow_start_aggression");  // Envoy wants one
}

void set_plain(LoadBalancer wanted, const PolicySettings& policy, Cluster& cluster) {
  switch (wanted) {
    case LoadBalancer::kRoundRobin:
      cluster.set_lb_policy(Cluster::ROUND_ROBIN);
      if (policy.warmup) set_slow_start(policy.warmup, *cluster.mutable_round_robin_lb_config());
      break;
    case LoadBalancer::kRandom: cluster.set_lb_policy(Cluster::RANDOM); break;
    case LoadBalancer::kConsistentHash: set_table(*policy.consistent_hash, cluster); break;
    // Of somebody whose connections are not intercepted, nobody knows where they wanted to go.
    case LoadBalancer::kPassthrough:
    default:
      cluster.set_lb_policy(Cluster::LEAST_REQUEST);
      if (policy.warmup) set_slow_start(policy.warmup, *cluster.mutable_least_request_lb_config());
      break;
  }
}

/// A policy as it stands in a list of them.
struct TypedPolicy {
  std::string name;
  google::protobuf::Any config;
};

LoadBalancingPolicy list_of(const TypedPolicy& policy) {
  LoadBalancingPolicy list;
  auto& extension = *list.add_policies()->mutable_typed_extension_config();
  extension.set_name(policy.name);
  *extension.mutable_typed_config() = policy.config;
  return list;
}

TypedPolicy own_policy(const std::string& name, Struct value = {}) {
  udpa::type::v1::TypedStruct own;
  own.set_type_url("type.googleapis.com/remora.load_balancing_policies.v1." + name);
  *own.mutable_value() = std::move(value);
  return {name, pack(own)};
}

/// What set_plain() says, and ours; not those that go by hashes.
TypedPolicy typed_policy(LoadBalancer wanted, const PolicySettings& policy) {
  switch (wanted) {
    case LoadBalancer::kPeakEwma: return own_policy("PeakEwma");
    case LoadBalancer::kPrequal: return own_policy("Prequal");
    case LoadBalancer::kRandom: return {"random", pack(policies::random::v3::Random())};
    case LoadBalancer::kRoundRobin: {
      policies::round_robin::v3::RoundRobin turns;
      set_slow_start(policy.warmup, turns);
      return {"round_robin", pack(turns)};
    }
    default: {
      policies::least_request::v3::LeastRequest least;
      set_slow_start(policy.warmup, least);
      return {"least_request", pack(least)};
    }
  }
}

/// `policy` among some of the hosts. A struct can hold a message only as its JSON.
TypedPolicy among(uint32_t hosts, const std::string& peers, const TypedPolicy& policy) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  Struct value;
  auto& fields = *value.mutable_fields();
  if (google::protobuf::util::MessageToJsonString(list_of(policy), &json, options).ok() &&
      google::protobuf::util::JsonStringToMessage(json,
                                                  fields["endpoint_picking_policy"].mutable_struct_value())
          .ok()) {
    fields["hosts"].set_number_value(hosts);
    if (!peers.empty()) fields["peers_cluster"].set_string_value(peers);
  }
  return own_policy("Aperture", std::move(value));
}

/// It cannot stand beside common_lb_config's weights of localities, and stands below another policy that says
/// the same.
void set_typed(const TypedPolicy& policy, Cluster& cluster) {
  if (!cluster.common_lb_config().has_locality_weighted_lb_config()) {
    *cluster.mutable_load_balancing_policy() = list_of(policy);
    return;
  }
  cluster.clear_common_lb_config();
  policies::wrr_locality::v3::WrrLocality weighted;
  *weighted.mutable_endpoint_picking_policy() = list_of(policy);
  *cluster.mutable_load_balancing_policy() = list_of({"wrr_locality", pack(weighted)});
}

}  // namespace

void set_load_balancer(const PolicySettings& policy, const MeshView& view, Cluster& cluster) {
  if (locality_balancing(policy) != nullptr)
    cluster.mutable_common_lb_config()->mutable_locality_weighted_lb_config();
  const ProxyNode& node = view.node();
  if (node.grpc) {  // it knows no other that needs no ring
    cluster.set_lb_policy(Cluster::ROUND_ROBIN);
    return;
  }
  const LoadBalancer wanted = policy.load_balancer.value_or(LoadBalancer::kLeastRequest);
  const bool ours = wanted == LoadBalancer::kPeakEwma || wanted == LoadBalancer::kPrequal;
  const bool narrow = policy.aperture && wanted != LoadBalancer::kConsistentHash;
  if (node.plain_envoy || !(ours || narrow)) {
    set_plain(wanted, policy, cluster);
  } else if (narrow) {
    set_typed(among(*policy.aperture, view.peers_cluster(), typed_policy(wanted, policy)), cluster);
  } else {
    set_typed(typed_policy(wanted, policy), cluster);
  }
}

}  // namespace remora::istio
