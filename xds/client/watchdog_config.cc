#include "client/watchdog_config.h"

#include "translate/values.h"

namespace remora::xds {
namespace {

using Proto = envoy::config::bootstrap::v3::Watchdog;

WatchdogSettings to_watchdog(const Proto& proto, Context& context) {
  WatchdogSettings out;
  const auto take = [&](bool present, const google::protobuf::Duration& value, std::string_view field,
                        Milliseconds& target) {
    if (present) target = to_milliseconds(value, field, context);
  };
  take(proto.has_miss_timeout(), proto.miss_timeout(), "miss_timeout", out.miss);
  take(proto.has_megamiss_timeout(), proto.megamiss_timeout(), "megamiss_timeout", out.megamiss);
  take(proto.has_kill_timeout(), proto.kill_timeout(), "kill_timeout", out.kill);
  take(proto.has_max_kill_timeout_jitter(), proto.max_kill_timeout_jitter(), "max_kill_timeout_jitter",
       out.most_kill_jitter);
  take(proto.has_multikill_timeout(), proto.multikill_timeout(), "multikill_timeout", out.multikill);
  out.multikill_part = proto.multikill_threshold().value() / 100;
  return out;
}

}  // namespace

void read_watchdogs(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, Context& context,
                    OverloadSettings& out) {
  if (bootstrap.has_watchdog()) {
    if (bootstrap.has_watchdogs()) return context.error("watchdog", "cannot be set beside watchdogs");
    const auto scope = context.in("watchdog");
    out.main_thread_watchdog = out.worker_watchdog = to_watchdog(bootstrap.watchdog(), context);
    return;
  }
  const auto scope = context.in("watchdogs");
  const auto& both = bootstrap.watchdogs();
  {
    const auto at = context.in("main_thread_watchdog");
    out.main_thread_watchdog = to_watchdog(both.main_thread_watchdog(), context);
  }
  const auto at = context.in("worker_watchdog");
  out.worker_watchdog = to_watchdog(both.worker_watchdog(), context);
}

}  // namespace remora::xds
