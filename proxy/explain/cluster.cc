#include "explain/cluster.h"

#include <algorithm>
#include <array>

#include "upstream/aggregate.h"
#include "upstream/host_set.h"
#include "upstream/localities.h"
#include "upstream/subset.h"

namespace remora::explain {
namespace {

using admin::JsonWriter;

std::string_view policy_name(LbPolicy policy) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "ROUND_ROBIN", "LEAST_REQUEST", "RANDOM",  "RING_HASH",
      "MAGLEV",      "PEAK_EWMA",     "PREQUAL", "CLIENT_SIDE_WEIGHTED_ROUND_ROBIN"};
  const auto number = static_cast<size_t>(policy);
  return number < kNames.size() ? kNames[number] : std::string_view();
}

/// Which of a level's hosts requests go to.
bool takes_requests(const PriorityLevel& level, const Host* host) {
  const auto in = [host](const HostChoices& choices) {
    const auto& hosts = choices.open().hosts;
    return std::ranges::find(hosts, host) != hosts.end();
  };
  const auto among = [&in](const HostChoices& all, const LocalityChoices* localities) {
    if (localities == nullptr) return in(all);
    return std::ranges::any_of(localities->shares, [&in](const auto& share) { return in(share.hosts); });
  };
  if (level.panic) return (level.healthy_load > 0 || level.degraded_load > 0) && in(level.all);
  return (level.healthy_load > 0 && among(level.healthy, level.healthy_localities.get())) ||
         (level.degraded_load > 0 && among(*level.degraded, level.degraded_localities.get()));
}

/// Whether outlier detection has ejected it and why, or why it did not.
void write_outlier(JsonWriter& json, const HostState& state) {
  json.member("ejected", state.ejected());
  const auto* monitor = state.known_monitor();
  if (monitor == nullptr) return;
  json.key("outlier_detection");
  json.begin_object();
  json.member("ejections", monitor->ejections);
  if (monitor->last_kind) json.member("last_ejection", ejection_name(*monitor->last_kind));
  if (monitor->spared) json.member("spared", "it would have been ejected, but for max_ejection_percent");
  if (monitor->success_rate >= 0) json.member("success_rate", monitor->success_rate);
  if (monitor->latency_ms >= 0) json.member("latency_ms", monitor->latency_ms);
  json.end_object();
}

void write_endpoint(JsonWriter& json, const Host& host, const HostSet& set, bool chosen) {
  const Endpoint& endpoint = host.endpoint();
  json.begin_object();
  json.member("address", endpoint.address_text);
  if (!endpoint.hostname.empty()) json.member("hostname", endpoint.hostname);
  json.member("weight", host.weight());
  json.member("priority", endpoint.priority);
  json.member("health", host.health_flags());
  write_outlier(json, host.state());
  if (const auto& why = host.state().check_failure(); !why.empty()) json.member("health_check", why);
  if (set.reached() != nullptr) json.member("aperture", set.reach(host));
  json.member("takes_requests", chosen);
  json.end_object();
}

void write_levels(JsonWriter& json, const std::vector<PriorityLevel>& levels, const HostSet& set,
                  size_t most) {
  json.key("priorities");
  json.begin_array();
  size_t total = 0;
  for (size_t i = 0; i < levels.size(); ++i) {
    const auto& level = levels[i];
    total += level.all.hosts.size();
    json.begin_object();
    json.member("priority", i);
    json.member("share_percent", level.healthy_load + level.degraded_load);
    json.member("panic", level.panic);
    json.member("endpoints", level.all.hosts.size());
    json.member("healthy", level.healthy.hosts.size());
    json.member("degraded", level.degraded->hosts.size());
    json.end_object();
  }
  json.end_array();
  json.key("endpoints");
  json.begin_array();
  size_t written = 0;
  for (const auto& level : levels) {
    for (const Host* host : level.all.hosts) {
      if (written == most) break;
      write_endpoint(json, *host, set, takes_requests(level, host));
      ++written;
    }
  }
  json.end_array();
  if (written < total) json.member("endpoints_left_out", total - written);
}

void write_hosts(JsonWriter& json, const HostSet& hosts, const SubsetMatch& wanted, size_t most) {
  const PriorityLevels* levels = &hosts.levels();
  if (hosts.subsets() != nullptr) {
    const auto found = hosts.subsets()->explain(wanted);
    json.member("selection", found.why);
    if (found.single != nullptr) {
      json.key("endpoints");
      json.begin_array();
      write_endpoint(json, *found.single, hosts, true);
      json.end_array();
      return;
    }
    levels = found.levels;
  }
  if (levels != nullptr) write_levels(json, levels->levels, hosts, most);
}

void write_choice(JsonWriter& json, const Cluster& cluster, const SubsetMatch& wanted, size_t most) {
  if (cluster.config->original_dst) return json.member("selection", "the connection's original destination");
  if (cluster.config->dynamic_forward)
    return json.member("selection", "the host that the request's authority names, once it is resolved");
  if (const auto policy = policy_name(cluster.config->lb_policy); !policy.empty())
    json.member("lb_policy", policy);
  if (cluster.hosts != nullptr) write_hosts(json, *cluster.hosts, wanted, most);
}

/// The share of all requests that goes to the member.
uint32_t share_of(const JoinedPriorities& joined, uint32_t member) {
  uint32_t share = 0;
  for (size_t i = 0; i < joined.sources.size(); ++i) {
    const auto& level = joined.levels.levels[i];
    if (joined.sources[i].member == member) share += level.healthy_load + level.degraded_load;
  }
  return share;
}

void write_members(JsonWriter& json, const ClusterConfig& config, const Configuration& configuration,
                   const SubsetMatch& wanted, size_t most) {
  json.member("selection", "the members' priorities, one after the other");
  const auto joined =
      join_priorities(config.aggregate, config.panic_threshold_percent,
                      [&](const std::string& name) { return configuration.cluster(name).hosts.get(); });
  json.key("members");
  json.begin_array();
  for (uint32_t member = 0; member < config.aggregate.size(); ++member) {
    const Cluster cluster = configuration.cluster(config.aggregate[member]);
    json.begin_object();
    json.member("name", config.aggregate[member]);
    json.member("exists", cluster.config != nullptr);
    json.member("share_percent", share_of(joined, member));
    if (cluster.config != nullptr && cluster.config->aggregate.empty())
      write_choice(json, cluster, wanted, most);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

void write_cluster(JsonWriter& json, const std::string& name, const Configuration& configuration,
                   const SubsetMatch& wanted, size_t most) {
  const Cluster cluster = configuration.cluster(name);
  json.begin_object();
  json.member("name", name);
  json.member("exists", cluster.config != nullptr);
  if (!wanted.empty()) {
    json.key("subset");
    json.begin_object();
    for (const auto& [key, value] : wanted) json.member(key, value.text());
    json.end_object();
  }
  if (cluster.config != nullptr) {
    if (cluster.config->aggregate.empty()) {
      write_choice(json, cluster, wanted, most);
    } else {
      write_members(json, *cluster.config, configuration, wanted, most);
    }
  }
  json.end_object();
}

}  // namespace remora::explain
