#include "envoy/extensions/load_balancing_policies/maglev/v3/maglev.pb.h"
#include "envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.pb.h"
#include "translate/balancer_settings.h"
#include "translate/cluster.h"
#include "translate/route.h"

namespace remora::xds {
namespace {

using ProtoCluster = envoy::config::cluster::v3::Cluster;
using envoy::extensions::load_balancing_policies::maglev::v3::Maglev;
using envoy::extensions::load_balancing_policies::ring_hash::v3::RingHash;

bool is_prime(uint64_t number) {
  if (number < 2) return false;
  for (uint64_t divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return true;
}

ConsistentHash& begin(LbPolicy policy, ClusterConfig& out) {
  out.lb_policy = policy;
  out.consistent_hash.emplace().maglev = policy == LbPolicy::kMaglev;
  return *out.consistent_hash;
}

/// The fields that all spellings have in common.
template <typename Message>
void set_common(const Message& config, ConsistentHash& out) {
  out.use_hostname = config.use_hostname_for_hashing();
  if (config.has_hash_balance_factor()) out.hash_balance_factor = config.hash_balance_factor().value();
}

/// What a cluster without a typed policy says. Envoy takes names there only from DNS.
void set_cluster_common(const ProtoCluster& cluster, Context& context, ConsistentHash& out) {
  set_common(cluster.common_lb_config().consistent_hashing_lb_config(), out);
  if (!out.use_hostname) return;
  const auto scope = context.in("common_lb_config");
  const auto field = context.in("consistent_hashing_lb_config");
  context.error("use_hostname_for_hashing",
                "is only for DNS clusters here; load_balancing_policy has no such limit");
}

template <typename Message>
void set_ring(const Message& config, Context& context, ConsistentHash& out) {
  if (config.has_minimum_ring_size()) out.minimum_ring_size = config.minimum_ring_size().value();
  if (config.has_maximum_ring_size()) out.maximum_ring_size = config.maximum_ring_size().value();
  if (out.minimum_ring_size > out.maximum_ring_size)
    context.error("minimum_ring_size", "must not be above maximum_ring_size");
  if (out.maximum_ring_size == 0) context.error("maximum_ring_size", "must not be 0");
}

template <typename Message>
void set_table(const Message& config, Context& context, ConsistentHash& out) {
  if (config.has_table_size()) out.table_size = config.table_size().value();
  if (!is_prime(out.table_size)) context.error("table_size", "must be a prime");
}

/// What the typed messages say in their own consistent_hashing_lb_config.
template <typename Message>
void set_own_common(const Message& config, Context& context, ConsistentHash& out) {
  if (!config.has_consistent_hashing_lb_config()) return;
  const auto& common = config.consistent_hashing_lb_config();
  out.hash_balance_factor = 0;
  set_common(common, out);
  const auto scope = context.in("consistent_hashing_lb_config");
  out.policies = to_hash_policies(common.hash_policy(), context);
}

}  // namespace

void set_ring_hash(const ProtoCluster& cluster, Context& context, ClusterConfig& out) {
  auto& hash = begin(LbPolicy::kRingHash, out);
  set_cluster_common(cluster, context, hash);
  const auto& ring = cluster.ring_hash_lb_config();
  hash.murmur = ring.hash_function() == ProtoCluster::RingHashLbConfig::MURMUR_HASH_2;
  const auto scope = context.in("ring_hash_lb_config");
  set_ring(ring, context, hash);
}

void set_maglev(const ProtoCluster& cluster, Context& context, ClusterConfig& out) {
  auto& hash = begin(LbPolicy::kMaglev, out);
  set_cluster_common(cluster, context, hash);
  const auto scope = context.in("maglev_lb_config");
  set_table(cluster.maglev_lb_config(), context, hash);
}

bool set_consistent_hash(const google::protobuf::Message& message, Context& context, ClusterConfig& out) {
  if (const auto* ring = dynamic_cast<const RingHash*>(&message)) {
    auto& hash = begin(LbPolicy::kRingHash, out);
    hash.murmur = ring->hash_function() == RingHash::MURMUR_HASH_2;
    set_common(*ring, hash);
    set_own_common(*ring, context, hash);
    set_ring(*ring, context, hash);
    if (ring->has_locality_weighted_lb_config()) edit_balancer(out).locality_weighted = true;
    return true;
  }
  const auto* maglev = dynamic_cast<const Maglev*>(&message);
  if (maglev == nullptr) return false;
  auto& hash = begin(LbPolicy::kMaglev, out);
  set_own_common(*maglev, context, hash);
  set_table(*maglev, context, hash);
  if (maglev->has_locality_weighted_lb_config()) edit_balancer(out).locality_weighted = true;
  return true;
}

}  // namespace remora::xds
