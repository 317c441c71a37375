#include "client/overload_config.h"

#include <algorithm>
#include <utility>

#include "envoy/extensions/resource_monitors/cgroup_memory/v3/cgroup_memory.pb.h"
#include "envoy/extensions/resource_monitors/cpu_utilization/v3/cpu_utilization.pb.h"
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

/// Standing at the monitor. False: it is of a type that this build does not have.
bool set_kind(const google::protobuf::Message* message, Context& context, Monitor& out) {
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
  if (!set_kind(config.message.get(), context, monitor))
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

void add_action(const v3::OverloadAction& proto, Context& context, OverloadSettings& out) {
  if (proto.name() != "envoy.overload_actions.shrink_heap")
    return context.error("name", "the action '" + proto.name() + "' is not implemented by this build");
  if (std::ranges::find(out.actions, proto.name(), &OverloadActionConfig::name) != out.actions.end())
    return context.error("name", "'" + proto.name() + "' is there twice");
  OverloadActionConfig action{.name = proto.name(), .triggers = {}};
  for (int i = 0; i < proto.triggers_size(); ++i) {
    const auto at = context.in("triggers", i);
    add_trigger(proto.triggers(i), out, context, action);
  }
  out.actions.push_back(std::move(action));
}

}  // namespace

std::shared_ptr<const OverloadSettings> to_overload(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                                    Context& context) {
  if (!bootstrap.has_overload_manager()) return nullptr;
  const auto& proto = bootstrap.overload_manager();
  const auto scope = context.in("overload_manager");
  auto out = std::make_shared<OverloadSettings>();
  if (proto.has_refresh_interval()) {
    const auto interval = to_milliseconds(proto.refresh_interval(), "refresh_interval", context);
    out->refresh_interval = std::max(interval, Milliseconds(1));
  }
  for (int i = 0; i < proto.resource_monitors_size(); ++i) {
    const auto at = context.in("resource_monitors", i);
    add_monitor(proto.resource_monitors(i), context, *out);
  }
  for (int i = 0; i < proto.actions_size(); ++i) {
    const auto at = context.in("actions", i);
    add_action(proto.actions(i), context, *out);
  }
  return out;
}

}  // namespace remora::xds
