#include "inject/containers.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "inject/json_access.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

constexpr const char* kTokenFolder = "/var/run/secrets/tokens";

json::object field_of_pod(const char* name, const char* path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

/// The order matters to nobody but readers: the bootstrap's variables.
json::array environment() {
  return {field_of_pod("POD_NAME", "metadata.name"), field_of_pod("POD_NAMESPACE", "metadata.namespace"),
          field_of_pod("INSTANCE_IP", "status.podIP"), field_of_pod("INSTANCE_IPS", "status.podIPs"),
          field_of_pod("SERVICE_ACCOUNT", "spec.serviceAccountName")};
}

json::object amounts(const std::string& cpu, const std::string& memory) {
  json::object out;
  if (!cpu.empty()) out["cpu"] = cpu;
  if (!memory.empty()) out["memory"] = memory;
  return out;
}

json::object resources_of(const Resources& resources) {
  json::object out;
  if (auto most = amounts(resources.cpu_limit, resources.memory_limit); !most.empty())
    out["limits"] = std::move(most);
  if (auto least = amounts(resources.cpu, resources.memory); !least.empty())
    out["requests"] = std::move(least);
  return out;
}

/// TPROXY needs the right to bind to others' addresses, and rights reach only root's processes.
json::object proxy_rights(bool transparent) {
  json::object capabilities{{"drop", json::array{"ALL"}}};
  if (transparent) capabilities["add"] = json::array{"NET_ADMIN"};
  return {{"allowPrivilegeEscalation", false},
          {"capabilities", std::move(capabilities)},
          {"privileged", false},
          {"readOnlyRootFilesystem", true},
          {"runAsGroup", kProxyUser},
          {"runAsNonRoot", !transparent},
          {"runAsUser", transparent ? 0 : kProxyUser}};
}

json::object init_rights() {
  return {{"allowPrivilegeEscalation", false},
          {"capabilities", {{"add", json::array{"NET_ADMIN", "NET_RAW"}}, {"drop", json::array{"ALL"}}}},
          {"privileged", false},
          {"readOnlyRootFilesystem", true},
          {"runAsGroup", 0},
          {"runAsNonRoot", false},
          {"runAsUser", 0}};
}

json::object asks_whether_ready(int delay, int period, int failures) {
  json::object probe{{"httpGet", {{"path", "/healthz/ready"}, {"port", kReadyPort}}}};
  if (delay > 0) probe["initialDelaySeconds"] = delay;
  probe["periodSeconds"] = period;
  probe["timeoutSeconds"] = 3;
  probe["failureThreshold"] = failures;
  return probe;
}

/// When the sidecar ends.
struct End {
  std::chrono::seconds minimum;
  std::chrono::seconds most;
};

/// A native sidecar gets its signal when the application has ended, and ends with what is still under way. A
/// container gets it together with the application: there Istio's rules hold, by which it goes on for
/// terminationDrainDuration, or, where it may end with the last connection, for 5 s at least.
End end_of(const Settings& settings, std::chrono::seconds grace) {
  using std::chrono::seconds;
  constexpr seconds kIstiosMinimum{5};
  const seconds almost_all = std::max(grace - seconds(2), seconds(1));
  const bool fixed = settings.drain.count() > 0 && !settings.exit_when_idle;
  const seconds most = fixed ? settings.drain : almost_all;
  if (settings.native_sidecar) return {seconds(0), most};
  const seconds minimum = fixed ? most : settings.minimum_drain.value_or(kIstiosMinimum);
  return {std::min(minimum, most), most};
}

json::array arguments(const Settings& settings, const std::string& bootstrap, std::chrono::seconds grace) {
  const End end = end_of(settings, grace);
  json::array out{"--config-yaml", bootstrap,         "--drain-order",
                  "inbound-first", "--drain-time-s",  std::to_string(end.most.count()),
                  "--log-level",   settings.log_level};
  if (end.minimum.count() > 0) {
    out.emplace_back("--minimum-drain-time-s");
    out.emplace_back(std::to_string(end.minimum.count()));
  }
  if (!settings.component_log_level.empty()) {
    out.emplace_back("--component-log-level");
    out.emplace_back(settings.component_log_level);
  }
  if (settings.concurrency > 0) {
    out.emplace_back("--concurrency");
    out.emplace_back(std::to_string(settings.concurrency));
  }
  return out;
}

json::object runs(json::array command) { return {{"exec", {{"command", std::move(command)}}}}; }

/// What comes after a native sidecar waits for its startup probe, and its preStop hook runs when the pod's
/// end begins, long before its signal. A container is waited for in its postStart hook, if at all.
json::object hooks(const Settings& settings) {
  json::object out;
  if (settings.native_sidecar) {
    out["preStop"] = runs({"remora", "drain"});
  } else if (settings.hold_application) {
    json::array command{"remora", "wait"};
    if (settings.address_family == "ipv6") {
      command.emplace_back("--url");
      command.emplace_back("http://[::1]:" + std::to_string(kReadyPort) + "/healthz/ready");
    }
    out["postStart"] = runs(std::move(command));
  }
  return out;
}

json::array mounts(const Settings& settings) {
  json::array out{json::object{{"name", kTokenVolume}, {"mountPath", kTokenFolder}, {"readOnly", true}}};
  if (settings.user_volume_mounts.empty()) return out;
  const json::value given = json::parse(settings.user_volume_mounts);
  for (const auto& [name, mount] : given.get_object()) {
    json::object entry{{"name", name}};
    if (const json::object* fields = mount.if_object()) {
      for (const auto& [key, value] : *fields) entry[key] = value;
    }
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

json::object proxy_container(const Settings& settings, const std::string& bootstrap,
                             std::chrono::seconds grace) {
  json::object out{{"name", kProxyContainer}, {"image", settings.image}};
  if (!settings.image_pull_policy.empty()) out["imagePullPolicy"] = settings.image_pull_policy;
  if (settings.native_sidecar) out["restartPolicy"] = "Always";
  out["command"] = json::array{"remora"};
  out["args"] = arguments(settings, bootstrap, grace);
  out["env"] = environment();
  out["ports"] = json::array{
      json::object{{"name", "http-envoy-prom"}, {"containerPort", kMetricsPort}, {"protocol", "TCP"}}};
  if (json::object resources = resources_of(settings.resources); !resources.empty())
    out["resources"] = std::move(resources);
  if (settings.readiness.enabled) {
    const Readiness& ready = settings.readiness;
    out["readinessProbe"] =
        asks_whether_ready(ready.initial_delay_seconds, ready.period_seconds, ready.failure_threshold);
  }
  if (settings.native_sidecar) out["startupProbe"] = asks_whether_ready(0, 1, 600);
  if (json::object lifecycle = hooks(settings); !lifecycle.empty()) out["lifecycle"] = std::move(lifecycle);
  out["securityContext"] = proxy_rights(settings.capture.mode == "TPROXY");
  out["volumeMounts"] = mounts(settings);
  return out;
}

json::object init_container(const Settings& settings, const std::vector<AppProbe>& probes) {
  const Capture& capture = settings.capture;
  std::string own_ports =
      std::to_string(kMetricsPort) + ',' + std::to_string(kReadyPort) + ',' + std::to_string(kProbePort);
  for (const AppProbe& probe : probes) {
    if (probe.kind == AppProbe::Kind::kGrpc) own_ports += ',' + std::to_string(probe.stand_in);
  }
  if (!capture.exclude_inbound_ports.empty()) own_ports += ',' + capture.exclude_inbound_ports;
  json::array words{"remoractl", "iptables",
                    "-p",        std::to_string(kOutboundPort),
                    "-z",        std::to_string(kInboundPort),
                    "-u",        std::to_string(kProxyUser),
                    "-m",        capture.mode,
                    "-i",        capture.include_outbound_ranges,
                    "-x",        capture.exclude_outbound_ranges,
                    "-b",        capture.include_inbound_ports,
                    "-d",        own_ports};
  const auto further = [&](const char* flag, const std::string& value) {
    if (value.empty()) return;
    words.emplace_back(flag);
    words.emplace_back(value);
  };
  further("-q", capture.include_outbound_ports);
  further("-o", capture.exclude_outbound_ports);
  further("-c", capture.exclude_interfaces);
  if (capture.mode == "TPROXY") further("-g", std::to_string(kProxyUser));
  json::object out{{"name", kInitContainer}, {"image", settings.image}};
  if (!settings.image_pull_policy.empty()) out["imagePullPolicy"] = settings.image_pull_policy;
  out["command"] = std::move(words);
  if (json::object resources = resources_of(settings.resources); !resources.empty())
    out["resources"] = std::move(resources);
  out["securityContext"] = init_rights();
  return out;
}

json::object token_volume() {
  const json::object token{
      {"serviceAccountToken",
       {{"audience", "istio-ca"}, {"expirationSeconds", 43200}, {"path", "istio-token"}}}};
  return {{"name", kTokenVolume}, {"projected", {{"sources", json::array{token}}}}};
}

}  // namespace remora::inject
