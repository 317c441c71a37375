#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

LocalityBalancing::Distribution read_distribution(Fields& fields) {
  LocalityBalancing::Distribution out;
  fields.string("from", out.from);
  if (out.from.empty()) fields.error("from", "must name a locality");
  long long total = 0;
  const bool given = fields.object("to", [&](Fields& to) {
    for (const std::string& place : to.names()) {
      long long percent = 0;
      if (!to.integer(place, 1, 100, percent)) continue;
      out.to.emplace_back(place, static_cast<uint32_t>(percent));
      total += percent;
    }
  });
  if (!given) {
    fields.error("to", "must say where requests go");
  } else if (total != 100) {
    fields.error("to", "must be 100 together, not " + std::to_string(total));
  }
  return out;
}

LocalityBalancing::Failover read_failover(Fields& fields) {
  LocalityBalancing::Failover out;
  for (const auto& [name, region] : {std::pair{"from", &out.from}, std::pair{"to", &out.to}}) {
    fields.string(name, *region);
    if (region->empty()) fields.error(name, "must name a region");
    if (region->find_first_of("/*") != std::string::npos)
      fields.error(name, "\"" + *region + "\" is no region: zones and * have no meaning here");
  }
  if (!out.from.empty() && out.from == out.to) fields.error("to", "must be another region than from");
  return out;
}

}  // namespace

std::optional<LocalityBalancing> read_locality_balancing(Fields& load_balancer) {
  std::optional<LocalityBalancing> out;
  load_balancer.object("localityLbSetting", [&](Fields& fields) {
    auto& setting = out.emplace();
    fields.boolean("enabled", setting.enabled);
    fields.objects("distribute",
                   [&](Fields& item) { setting.distribute.push_back(read_distribution(item)); });
    fields.objects("failover", [&](Fields& item) { setting.failover.push_back(read_failover(item)); });
    fields.strings("failoverPriority", setting.failover_priority);
    if (!setting.distribute.empty() && (!setting.failover.empty() || !setting.failover_priority.empty()))
      fields.error("distribute", "cannot stand beside failover and failoverPriority");
  });
  return out;
}

std::optional<Warmup> read_warmup(Fields& load_balancer) {
  std::optional<Warmup> out;
  Duration old_name{};
  if (load_balancer.duration("warmupDurationSecs", old_name)) {
    load_balancer.warning("warmupDurationSecs", "is deprecated: write warmup.duration");
    out.emplace().duration = old_name;
  }
  load_balancer.object("warmup", [&](Fields& fields) {
    auto& warmup = out.emplace();
    if (!fields.duration("duration", warmup.duration)) fields.error("duration", "is required");
    fields.number("minimumPercent", 0, 100, warmup.minimum_percent);
    fields.number("aggression", 1, 1000, warmup.aggression);
  });
  return out;
}

}  // namespace remora::istio
