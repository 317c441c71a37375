#include "client/overload_config.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "client/overload_measures.h"
#include "client/watchdog_config.h"
#include "envoy/extensions/resource_monitors/cgroup_memory/v3/cgroup_memory.pb.h"
#include "envoy/extensions/resource_monitors/cpu_utilization/v3/cpu_utilization.pb.h"
#include "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.pb.h"
#include "envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap.pb.h"
#include "envoy/extensions/resource_monitors/injected_resource/v3/injected_resource.pb.h"
#include "translate/field_check.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::overload::v3;
namespace monitors = envoy::extensions::resource_monitors;
using Monitor = ResourceMonitorConfig;
using Connections = monitors::downstream_connections::v3::DownstreamConnectionsConfig;

/// As Envoy, which knows it by its name.
constexpr std::string_view kConnections = "envoy.resource_monitors.global_downstream_max_connections";

/// Standing at the monitor. False: it is of a type that this build does not have.
bool set_kind(const google::protobuf::Message* message, Context& context, Monitor& out,
              OverloadSettings& settings) {
  using Cpu = monitors::cpu_utilization::v3::CpuUtilizationConfig;
  if (const auto* heap = dynamic_cast<const monitors::fixed_heap::v3::FixedHeapConfig*>(message)) {
    out.kind = Monitor::Kind::kFixedHeap;
    out.most_bytes = heap->max_heap_size_bytes();
    if (out.most_bytes == 0) context.error("typed_config.max_heap_size_bytes", "must be at least 1");
  } else if (const auto* group =
                 dynamic_cast<const monitors::cgroup_memory::v3::CgroupMemoryConfig*>(message)) {
    out.kind = Monitor::Kind::kCgroupMemory;
    out.most_bytes = group->max_memory_bytes();
  } else if (dynamic_cast<const Cpu*>(message) != nullptr) {
    out.kind = Monitor::Kind::kCpuUtilization;
  } else if (const auto* file =
                 dynamic_cast<const monitors::injected_resource::v3::InjectedResourceConfig*>(message)) {
    out.kind = Monitor::Kind::kInjected;
    out.filename = file->filename();
  } else if (const auto* connections = dynamic_cast<const Connections*>(message)) {
    out.kind = Monitor::Kind::kDownstreamConnections;
    if (out.name != kConnections) context.error("name", "must be '" + std::string(kConnections) + "'");
    settings.most_connections = static_cast<uint64_t>(connections->max_active_downstream_connections());
    settings.connections_monitored = true;
  } else {
    return false;
  }
  const auto scope = context.in("typed_config");
  check_fields(*message, context);
  return true;
}

void add_monitor(const v3::ResourceMonitor& proto, Context& context, OverloadSettings& out) {
  if (std::ranges::find(out.monitors, proto.name(), &Monitor::name) != out.monitors.end())
    return context.error("name", "'" + proto.name() + "' is the name of another monitor");
  Monitor monitor{.name = proto.name()};
  const TypedConfig config = unpack(proto.typed_config());
  if (!set_kind(config.message.get(), context, monitor, out))
    return refuse_extension("resource monitor", proto.name(), config, context);
  out.monitors.push_back(std::move(monitor));
}

void add_trigger(const v3::Trigger& proto, const OverloadSettings& settings, Context& context,
                 OverloadActionConfig& out) {
  const auto monitor = std::ranges::find(settings.monitors, proto.name(), &Monitor::name);
  if (monitor == settings.monitors.end())
    return context.error("name", "no resource monitor is called '" + proto.name() + "'");
  OverloadTrigger trigger{.monitor = static_cast<size_t>(monitor - settings.monitors.begin())};
  if (std::ranges::find(out.triggers, trigger.monitor, &OverloadTrigger::monitor) != out.triggers.end())
    return context.error("name", "the action has another trigger of '" + proto.name() + "'");
  if (proto.has_scaled()) {
    trigger.from = proto.scaled().scaling_threshold();
    trigger.to = proto.scaled().saturation_threshold();
    if (trigger.from >= trigger.to)
      context.error("scaled.scaling_threshold", "must be less than saturation_threshold");
  } else {
    trigger.from = trigger.to = proto.threshold().value();
  }
  out.triggers.push_back(trigger);
}

/// An action or a load shed point, which look the same.
template <typename Proto>
void add_measure(const Proto& proto, OverloadMeasure measure, const OverloadSettings& settings,
                 Context& context, std::vector<OverloadActionConfig>& out) {
  if (std::ranges::find(out, proto.name(), &OverloadActionConfig::name) != out.end())
    return context.error("name", "'" + proto.name() + "' is there twice");
  OverloadActionConfig added{.name = proto.name(), .measure = measure, .triggers = {}};
  for (int i = 0; i < proto.triggers_size(); ++i) {
    const auto at = context.in("triggers", i);
    add_trigger(proto.triggers(i), settings, context, added);
  }
  out.push_back(std::move(added));
}

void add_action(const v3::OverloadAction& proto, Context& context, OverloadSettings& out) {
  if (proto.name() == "envoy.overload_actions.close_idle_http_connections")
    return context.warning("name", "has no effect: the action closes connections of HTTP/3");
  const auto measure = action_of(proto.name());
  if (!measure)
    return context.error("name", "the action '" + proto.name() + "' is not implemented by this build");
  add_measure(proto, *measure, out, context, out.actions);
  read_action_settings(proto, *measure, context, out);
}

void add_load_shed_point(const v3::LoadShedPoint& proto, Context& context, OverloadSettings& out) {
  const auto measure = load_shed_point_of(proto.name());
  if (!measure)
    return context.error("name",
                         "the load shed point '" + proto.name() + "' is not implemented by this build");
  add_measure(proto, *measure, out, context, out.shed_points);
}

template <typename List, typename Add>
void for_each(const List& list, std::string_view field, Context& context, Add add) {
  for (int i = 0; i < list.size(); ++i) {
    const auto at = context.in(field, i);
    add(list[i]);
  }
}

void read_manager(const v3::OverloadManager& proto, Context& context, OverloadSettings& out) {
  const auto scope = context.in("overload_manager");
  if (proto.has_refresh_interval()) {
    const auto interval = to_milliseconds(proto.refresh_interval(), "refresh_interval", context);
    out.refresh_interval = std::max(interval, Milliseconds(1));
  }
  for_each(proto.resource_monitors(), "resource_monitors", context,
           [&](const auto& each) { add_monitor(each, context, out); });
  for_each(proto.actions(), "actions", context, [&](const auto& each) { add_action(each, context, out); });
  for_each(proto.loadshed_points(), "loadshed_points", context,
           [&](const auto& each) { add_load_shed_point(each, context, out); });
}

/// The older way to limit connections. What is no number is none, as Envoy reads its runtime.
void read_runtime_limit(Context& context, OverloadSettings& out) {
  constexpr const char* kKey = "overload.global_downstream_max_connections";
  const auto& runtime = context.environment().runtime;
  const auto found = runtime.find(kKey);
  if (found == runtime.end()) return;
  if (out.connections_monitored)
    return context.warning("layered_runtime", std::string("the key '") + kKey +
                                                  "' has no effect: a resource monitor limits connections");
  uint64_t most = 0;
  const char* end_of_text = found->second.data() + found->second.size();
  const auto [end, error] = std::from_chars(found->second.data(), end_of_text, most);
  if (error == std::errc() && end == end_of_text) out.most_connections = most;
}

}  // namespace

std::shared_ptr<const OverloadSettings> to_overload(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                                    Context& context) {
  auto out = std::make_shared<OverloadSettings>();
  if (bootstrap.has_overload_manager()) read_manager(bootstrap.overload_manager(), context, *out);
  read_runtime_limit(context, *out);
  read_watchdogs(bootstrap, context, *out);
  return out;
}

}  // namespace remora::xds
