#include "inject/annotations.h"

#include <boost/json/serialize.hpp>
#include <functional>
#include <map>

#include "inject/json_access.h"
#include "inject/proxy_config.h"
#include "istio/text/scalar.h"
#include "store/yaml.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

/// Puts one annotation's value into the settings.
using Setter = std::function<Result<void>(Settings&, const std::string&)>;

Setter text(std::string Settings::*member) {
  return [member](Settings& settings, const std::string& value) -> Result<void> {
    settings.*member = value;
    return {};
  };
}

Setter text(std::string Capture::*member) {
  return [member](Settings& settings, const std::string& value) -> Result<void> {
    settings.capture.*member = value;
    return {};
  };
}

Setter flag(bool Settings::*member) {
  return [member](Settings& settings, const std::string& value) -> Result<void> {
    if (value != "true" && value != "false") return Error{"\"" + value + "\" is neither true nor false"};
    settings.*member = value == "true";
    return {};
  };
}

/// Of the four, only those that a pod names count: the mesh's would not fit to them.
Setter amount(std::string Resources::*member) {
  return [member](Settings& settings, const std::string& value) -> Result<void> {
    if (!is_quantity(value)) return Error{"\"" + value + "\" is no amount, as in 100m or 128Mi"};
    settings.resources.*member = value;
    return {};
  };
}

Setter seconds(int Readiness::*member) {
  return [member](Settings& settings, const std::string& value) -> Result<void> {
    const auto number = istio::parse_integer(value);
    if (!number || *number < 0 || *number > 86'400) return Error{"\"" + value + "\" is no such number"};
    settings.readiness.*member = static_cast<int>(*number);
    return {};
  };
}

/// Port 0 means that nobody asks whether the sidecar is ready.
Result<void> set_status_port(Settings& settings, const std::string& value) {
  if (value != "0" && value != std::to_string(kReadyPort) && value != std::to_string(kProbePort)) {
    return Error{"\"" + value +
                 "\": the sidecar says whether it is ready on 15020 and 15021; 0 takes the probe away"};
  }
  settings.readiness.enabled = value != "0";
  return {};
}

/// JSON objects by name, as Istio has them.
Setter json_map(std::string Settings::*member) {
  return [member](Settings& settings, const std::string& value) -> Result<void> {
    const auto parsed = store::from_yaml(value);
    if (!parsed.ok()) return Error{"is no JSON: " + parsed.error().message};
    if (!parsed->is_object()) return Error{"must be a JSON object: each by its name"};
    settings.*member = json::serialize(*parsed);
    return {};
  };
}

Result<void> set_template(Settings&, const std::string& value) {
  if (value == "sidecar") return {};
  return Error{"\"" + value + "\": the only template is sidecar"};
}

const std::map<std::string, Setter, std::less<>>& setters() {
  static const std::map<std::string, Setter, std::less<>> kSetters{
      {"sidecar.istio.io/proxyImage", text(&Settings::image)},
      {"sidecar.istio.io/logLevel", text(&Settings::log_level)},
      {"sidecar.istio.io/componentLogLevel", text(&Settings::component_log_level)},
      {"sidecar.istio.io/interceptionMode", text(&Capture::mode)},
      {"sidecar.istio.io/discoveryAddress", text(&Settings::discovery_address)},
      {"sidecar.istio.io/nativeSidecar", flag(&Settings::native_sidecar)},
      {"sidecar.istio.io/rewriteAppHTTPProbers", flag(&Settings::rewrite_probes)},
      {"prometheus.istio.io/merge-metrics", flag(&Settings::merge_metrics)},
      {"sidecar.istio.io/userVolume", json_map(&Settings::user_volumes)},
      {"sidecar.istio.io/userVolumeMount", json_map(&Settings::user_volume_mounts)},
      {"sidecar.istio.io/proxyCPU", amount(&Resources::cpu)},
      {"sidecar.istio.io/proxyCPULimit", amount(&Resources::cpu_limit)},
      {"sidecar.istio.io/proxyMemory", amount(&Resources::memory)},
      {"sidecar.istio.io/proxyMemoryLimit", amount(&Resources::memory_limit)},
      {"traffic.sidecar.istio.io/includeOutboundIPRanges", text(&Capture::include_outbound_ranges)},
      {"traffic.sidecar.istio.io/excludeOutboundIPRanges", text(&Capture::exclude_outbound_ranges)},
      {"traffic.sidecar.istio.io/includeInboundPorts", text(&Capture::include_inbound_ports)},
      {"traffic.sidecar.istio.io/excludeInboundPorts", text(&Capture::exclude_inbound_ports)},
      {"traffic.sidecar.istio.io/includeOutboundPorts", text(&Capture::include_outbound_ports)},
      {"traffic.sidecar.istio.io/excludeOutboundPorts", text(&Capture::exclude_outbound_ports)},
      {"traffic.sidecar.istio.io/excludeInterfaces", text(&Capture::exclude_interfaces)},
      {"readiness.status.sidecar.istio.io/initialDelaySeconds", seconds(&Readiness::initial_delay_seconds)},
      {"readiness.status.sidecar.istio.io/periodSeconds", seconds(&Readiness::period_seconds)},
      {"readiness.status.sidecar.istio.io/failureThreshold", seconds(&Readiness::failure_threshold)},
      {"status.sidecar.istio.io/port", set_status_port},
      {"inject.istio.io/templates", set_template},
  };
  return kSetters;
}

bool is_istios(std::string_view name) { return name.find(".istio.io/") != std::string_view::npos; }

/// Said by others for others: of no meaning to a sidecar.
bool means_nothing_to_a_sidecar(std::string_view name) {
  return name == kInjectName || name == kStatusAnnotation || name == "proxy.istio.io/config" ||
         name.starts_with("networking.istio.io/") || name.starts_with("service.istio.io/") ||
         name.starts_with("topology.istio.io/") || name.starts_with("security.istio.io/");
}

bool names_resources(const json::object& annotations) {
  for (const char* name : {"CPU", "CPULimit", "Memory", "MemoryLimit"}) {
    if (annotations.contains("sidecar.istio.io/proxy" + std::string(name))) return true;
  }
  return false;
}

}  // namespace

Result<Settings> settings_of(const json::object& pod, const Settings& mesh,
                             std::vector<std::string>& warnings) {
  Settings settings = mesh;
  const json::object* metadata = find_object(pod, "metadata");
  const json::object* annotations = metadata == nullptr ? nullptr : find_object(*metadata, "annotations");
  if (annotations == nullptr) return settings;
  if (const std::string config = find_text(*annotations, "proxy.istio.io/config"); !config.empty()) {
    const auto read = read_proxy_config(config, settings, warnings);
    if (!read.ok()) return Error{"proxy.istio.io/config: " + read.error().message};
  }
  if (names_resources(*annotations)) settings.resources = {"", "", "", ""};
  for (const auto& [name, value] : *annotations) {
    if (means_nothing_to_a_sidecar(name)) continue;
    const auto setter = setters().find(std::string_view(name));
    if (setter == setters().end()) {
      if (is_istios(name)) warnings.push_back(std::string(name) + ": is not implemented and has no effect");
      continue;
    }
    if (!value.is_string()) return Error{std::string(name) + ": is no string"};
    const auto set = setter->second(settings, std::string(value.get_string()));
    if (!set.ok()) return Error{std::string(name) + ": " + set.error().message};
  }
  const auto checked = check(settings);
  if (!checked.ok()) return Error{"annotations: " + checked.error().message};
  return settings;
}

}  // namespace remora::inject
