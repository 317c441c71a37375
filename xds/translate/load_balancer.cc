#include <algorithm>
#include <string>

#include "envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin.pb.h"
#include "envoy/extensions/load_balancing_policies/least_request/v3/least_request.pb.h"
#include "envoy/extensions/load_balancing_policies/random/v3/random.pb.h"
#include "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb.h"
#include "envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.pb.h"
#include "translate/aperture.h"
#include "translate/balancer_settings.h"
#include "translate/cluster.h"
#include "translate/field_check.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoCluster = envoy::config::cluster::v3::Cluster;
using envoy::config::cluster::v3::LoadBalancingPolicy;
using envoy::extensions::load_balancing_policies::client_side_weighted_round_robin::v3::
    ClientSideWeightedRoundRobin;
using envoy::extensions::load_balancing_policies::least_request::v3::LeastRequest;
using envoy::extensions::load_balancing_policies::random::v3::Random;
using envoy::extensions::load_balancing_policies::round_robin::v3::RoundRobin;
using envoy::extensions::load_balancing_policies::subset::v3::Subset;
using envoy::extensions::load_balancing_policies::wrr_locality::v3::WrrLocality;

constexpr Milliseconds kLeastWeightUpdate{100};

/// The two spellings of least request have the same fields.
template <typename LeastRequestMessage>
void set_least_request(const LeastRequestMessage& config, Context& context, ClusterConfig& out) {
  out.lb_policy = LbPolicy::kLeastRequest;
  set_slow_start(config, context, out);
  if (config.has_choice_count()) out.choice_count = config.choice_count().value();
  if (!config.has_active_request_bias()) return;
  out.active_request_bias = config.active_request_bias().default_value();
  if (const auto bias = runtime_number(config.active_request_bias().runtime_key(), context)) {
    out.active_request_bias = *bias;
  }
}

bool set_policies(const LoadBalancingPolicy& policy, Context& context, ClusterConfig& out);

/// What the policies of all but hashes say of localities.
template <typename PolicyMessage>
void set_localities(const PolicyMessage& policy, ClusterConfig& out) {
  const auto& localities = policy.locality_lb_config();
  if (localities.has_locality_weighted_lb_config()) edit_balancer(out).locality_weighted = true;
  if (localities.has_zone_aware_lb_config())
    edit_balancer(out).zones = to_zone_aware(localities.zone_aware_lb_config());
}

void set_least_request_policy(const LeastRequest& policy, Context& context, ClusterConfig& out) {
  set_least_request(policy, context, out);
  set_localities(policy, out);
  if (policy.enable_full_scan().value() || policy.selection_method() == LeastRequest::FULL_SCAN)
    edit_balancer(out).full_scan = true;
}

void set_round_robin_policy(const RoundRobin& policy, Context& context, ClusterConfig& out) {
  out.lb_policy = LbPolicy::kRoundRobin;
  set_slow_start(policy, context, out);
  set_localities(policy, out);
}

void set_client_side_weighted(const ClientSideWeightedRoundRobin& policy, Context& context,
                              ClusterConfig& out) {
  out.lb_policy = LbPolicy::kClientSideWeighted;
  set_slow_start(policy, context, out);
  auto& settings = edit_balancer(out).reported;
  const auto set = [&](bool present, const auto& duration, std::string_view field, Milliseconds& value) {
    if (present) value = to_milliseconds(duration, field, context);
    if (value < Milliseconds(0)) context.error(field, "must not be negative");
  };
  set(policy.has_blackout_period(), policy.blackout_period(), "blackout_period", settings.blackout_period);
  set(policy.has_weight_expiration_period(), policy.weight_expiration_period(), "weight_expiration_period",
      settings.expiration_period);
  set(policy.has_weight_update_period(), policy.weight_update_period(), "weight_update_period",
      settings.update_period);
  settings.update_period = std::max(settings.update_period, kLeastWeightUpdate);
  if (policy.has_error_utilization_penalty())
    settings.error_penalty = policy.error_utilization_penalty().value();
  if (!(settings.error_penalty >= 0)) context.error("error_utilization_penalty", "must not be negative");
  settings.metrics.assign(policy.metric_names_for_computing_utilization().begin(),
                          policy.metric_names_for_computing_utilization().end());
}

/// Any policy may stand below it, not only the one that Envoy knows there. Source: gRFC A52.
void set_wrr_locality(const WrrLocality& policy, Context& context, ClusterConfig& out) {
  edit_balancer(out).locality_weighted = true;
  const auto scope = context.in("endpoint_picking_policy");
  if (!set_policies(policy.endpoint_picking_policy(), context, out))
    context.error("none of the policies is implemented by this build");
}

/// The choice among the hosts of an aperture is another policy's; without one it is LEAST_REQUEST. A hash
/// leads to one host, whoever asks, so it cannot be kept to some of them.
void set_aperture(const TypedConfig& config, Context& context, ClusterConfig& out) {
  const auto scope = context.in("value");
  const AperturePolicy policy = read_aperture(config, context);
  if (out.balancer && out.balancer->aperture) context.error("cannot stand below another aperture");
  edit_balancer(out).aperture = policy.settings;
  out.lb_policy = LbPolicy::kLeastRequest;
  if (!policy.picking) return;
  const auto below = context.in("endpoint_picking_policy");
  if (!set_policies(*policy.picking, context, out))
    context.error("none of the policies is implemented by this build");
  if (out.consistent_hash)
    context.error(std::string(out.consistent_hash->maglev ? "maglev" : "ring_hash") +
                  " cannot stand below an aperture: by hash, every proxy may need every host");
}

void set_subset(const Subset& subset, Context& context, ClusterConfig& out) {
  out.subset = to_subset(subset, context);
  if (subset.locality_weight_aware()) edit_balancer(out).subsets_locality_weighted = true;
  const auto scope = context.in("subset_lb_policy");
  if (!set_policies(subset.subset_lb_policy(), context, out)) {
    context.error("none of the policies is implemented by this build");
  }
}

/// False: not a policy of this build.
bool set_policy(const google::protobuf::Message& message, Context& context, ClusterConfig& out) {
  if (const auto* least = dynamic_cast<const LeastRequest*>(&message)) {
    set_least_request_policy(*least, context, out);
  } else if (const auto* turns = dynamic_cast<const RoundRobin*>(&message)) {
    set_round_robin_policy(*turns, context, out);
  } else if (const auto* random = dynamic_cast<const Random*>(&message)) {
    out.lb_policy = LbPolicy::kRandom;
    set_localities(*random, out);
  } else if (const auto* reported = dynamic_cast<const ClientSideWeightedRoundRobin*>(&message)) {
    set_client_side_weighted(*reported, context, out);
  } else if (const auto* weighted = dynamic_cast<const WrrLocality*>(&message)) {
    set_wrr_locality(*weighted, context, out);
  } else if (const auto* subset = dynamic_cast<const Subset*>(&message)) {
    set_subset(*subset, context, out);
  } else if (!set_consistent_hash(message, context, out)) {
    return false;
  }
  check_fields(message, context);
  return true;
}

/// The first policy that this build has is the one; those before it are passed over, as Envoy does.
bool set_policies(const LoadBalancingPolicy& policy, Context& context, ClusterConfig& out) {
  for (int i = 0; i < policy.policies_size(); ++i) {
    const TypedConfig config = unpack(policy.policies(i).typed_extension_config().typed_config());
    const auto scope = context.in("policies", i);
    const auto extension = context.in("typed_extension_config");
    const auto typed = context.in("typed_config");
    if (!config.error.empty()) {
      context.error(config.error);
      return true;
    }
    if (config.message && set_policy(*config.message, context, out)) return true;
    if (set_latency_aware(config, context, out)) return true;
    if (is_aperture(config)) return set_aperture(config, context, out), true;
  }
  return false;
}

void set_typed(const ProtoCluster& cluster, Context& context, ClusterConfig& out) {
  const auto& common = cluster.common_lb_config();
  if (common.has_zone_aware_lb_config() || common.has_locality_weighted_lb_config() ||
      common.has_consistent_hashing_lb_config()) {
    context.error("common_lb_config",
                  "zone_aware_lb_config, locality_weighted_lb_config and consistent_hashing_lb_config cannot "
                  "be combined with load_balancing_policy");
  }
  const auto scope = context.in("load_balancing_policy");
  if (set_policies(cluster.load_balancing_policy(), context, out)) return;
  std::string names;
  for (const auto& policy : cluster.load_balancing_policy().policies()) {
    const auto& extension = policy.typed_extension_config();
    names += (names.empty() ? "" : ", ") + std::string(type_name_of(extension.typed_config().type_url()));
  }
  context.error("policies", "none of them is implemented by this build: " + names);
}

LbSubset::Fallback to_selector_fallback(int policy) {
  // Both spellings number their values alike.
  using Proto = ProtoCluster::LbSubsetConfig::LbSubsetSelector;
  switch (policy) {
    case Proto::NO_FALLBACK: return LbSubset::Fallback::kNoFallback;
    case Proto::ANY_ENDPOINT: return LbSubset::Fallback::kAnyEndpoint;
    case Proto::DEFAULT_SUBSET: return LbSubset::Fallback::kDefaultSubset;
    case Proto::KEYS_SUBSET: return LbSubset::Fallback::kKeysSubset;
    default: return LbSubset::Fallback::kNotDefined;
  }
}

LbSubset::Fallback to_fallback(int policy) {
  switch (policy) {
    case ProtoCluster::LbSubsetConfig::ANY_ENDPOINT: return LbSubset::Fallback::kAnyEndpoint;
    case ProtoCluster::LbSubsetConfig::DEFAULT_SUBSET: return LbSubset::Fallback::kDefaultSubset;
    default: return LbSubset::Fallback::kNoFallback;
  }
}

void check_fallback_keys(const LbSubset::Selector& selector, Context& context) {
  if (selector.fallback != LbSubset::Fallback::kKeysSubset) {
    if (!selector.fallback_keys.empty())
      context.error("fallback_keys_subset", "is only for the fallback KEYS_SUBSET");
    return;
  }
  const auto& keys = selector.keys;
  const auto& fallback = selector.fallback_keys;
  if (fallback.empty()) context.error("fallback_keys_subset", "must not be empty");
  if (!std::includes(keys.begin(), keys.end(), fallback.begin(), fallback.end()) ||
      keys.size() == fallback.size()) {
    context.error("fallback_keys_subset", "must be a proper subset of keys");
  }
}

template <typename SubsetMessage>
LbSubset read_subset(const SubsetMessage& subset, Context& context) {
  LbSubset out;
  out.fallback = to_fallback(subset.fallback_policy());
  out.default_subset = to_subset_match(subset.default_subset());
  out.panic_mode_any = subset.panic_mode_any();
  out.list_as_any = subset.list_as_any();
  for (int i = 0; i < subset.subset_selectors_size(); ++i) {
    const auto& source = subset.subset_selectors(i);
    const auto scope = context.in("subset_selectors", i);
    LbSubset::Selector selector;
    selector.keys.assign(source.keys().begin(), source.keys().end());
    selector.fallback_keys.assign(source.fallback_keys_subset().begin(), source.fallback_keys_subset().end());
    std::sort(selector.keys.begin(), selector.keys.end());
    std::sort(selector.fallback_keys.begin(), selector.fallback_keys.end());
    selector.fallback = to_selector_fallback(source.fallback_policy());
    selector.single_host_per_subset = source.single_host_per_subset();
    if (selector.single_host_per_subset && selector.keys.size() != 1) {
      context.error("single_host_per_subset", "needs exactly one key");
    }
    check_fallback_keys(selector, context);
    out.selectors.push_back(std::move(selector));
  }
  return out;
}

}  // namespace

LbSubset to_subset(const ProtoCluster::LbSubsetConfig& subset, Context& context) {
  return read_subset(subset, context);
}
LbSubset to_subset(const Subset& subset, Context& context) { return read_subset(subset, context); }

void set_load_balancer(const ProtoCluster& cluster, Context& context, ClusterConfig& out) {
  // There is nothing to balance.
  using Discovery = ClusterConfig::Discovery;
  if (cluster.type() == ProtoCluster::ORIGINAL_DST || out.discovery == Discovery::kAggregate ||
      out.discovery == Discovery::kDynamicForward)
    return;
  if (cluster.has_load_balancing_policy()) {
    if (cluster.has_lb_subset_config())
      context.error("lb_subset_config", "cannot be combined with load_balancing_policy");
    return set_typed(cluster, context, out);
  }
  switch (cluster.lb_policy()) {
    case ProtoCluster::ROUND_ROBIN: {
      const auto scope = context.in("round_robin_lb_config");
      set_slow_start(cluster.round_robin_lb_config(), context, out);
      break;
    }
    case ProtoCluster::LEAST_REQUEST: {
      const auto scope = context.in("least_request_lb_config");
      set_least_request(cluster.least_request_lb_config(), context, out);
      break;
    }
    case ProtoCluster::RANDOM: out.lb_policy = LbPolicy::kRandom; break;
    case ProtoCluster::RING_HASH: set_ring_hash(cluster, context, out); break;
    case ProtoCluster::MAGLEV: set_maglev(cluster, context, out); break;
    case ProtoCluster::CLUSTER_PROVIDED:
      return context.error(
          "lb_policy",
          "CLUSTER_PROVIDED is only for clusters of type ORIGINAL_DST, envoy.clusters.aggregate and "
          "envoy.clusters.dynamic_forward_proxy");
    default: context.unsupported("lb_policy", ProtoCluster::LbPolicy_Name(cluster.lb_policy()));
  }
  const auto& common = cluster.common_lb_config();
  if (common.has_locality_weighted_lb_config()) edit_balancer(out).locality_weighted = true;
  if (common.has_zone_aware_lb_config())
    edit_balancer(out).zones = to_zone_aware(common.zone_aware_lb_config());
  if (cluster.lb_subset_config().subset_selectors_size() == 0)
    return;  // without selectors there are no subsets
  if (cluster.lb_subset_config().locality_weight_aware()) {
    if (!cluster.common_lb_config().has_locality_weighted_lb_config())
      context.error("lb_subset_config",
                    "locality_weight_aware needs locality_weighted_lb_config in common_lb_config");
    edit_balancer(out).subsets_locality_weighted = true;
  }
  const auto scope = context.in("lb_subset_config");
  out.subset = to_subset(cluster.lb_subset_config(), context);
}

}  // namespace remora::xds
