#include "inject/settings_file.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <map>

#include "istio/text/scalar.h"
#include "store/yaml.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

/// Puts a value into the settings; where it cannot, says what it should have been.
using Setter = std::function<const char*(Settings&, const json::value&)>;

/// `find` gives the member that a text goes to.
template <typename Find>
Setter text(Find find) {
  return [find](Settings& settings, const json::value& value) -> const char* {
    if (!value.is_string()) return "a string";
    find(settings) = std::string(value.get_string());
    return nullptr;
  };
}

Setter text(std::string Settings::*member) {
  return text([member](Settings& settings) -> std::string& { return settings.*member; });
}
Setter text(std::string Resources::*member) {
  return text([member](Settings& settings) -> std::string& { return settings.resources.*member; });
}
Setter text(std::string Capture::*member) {
  return text([member](Settings& settings) -> std::string& { return settings.capture.*member; });
}

Setter flag(bool Settings::*member) {
  return [member](Settings& settings, const json::value& value) -> const char* {
    if (!value.is_bool()) return "true or false";
    settings.*member = value.get_bool();
    return nullptr;
  };
}

template <typename Find>
Setter number(Find find) {
  return [find](Settings& settings, const json::value& value) -> const char* {
    if (!value.is_int64() || value.get_int64() < 0 || value.get_int64() > 86'400)
      return "a number from 0 to 86400";
    find(settings) = static_cast<int>(value.get_int64());
    return nullptr;
  };
}

Setter number(int Readiness::*member) {
  return number([member](Settings& settings) -> int& { return settings.readiness.*member; });
}

const char* set_readiness(Settings& settings, const json::value& value) {
  if (!value.is_bool()) return "true or false";
  settings.readiness.enabled = value.get_bool();
  return nullptr;
}

const char* set_drain(Settings& settings, const json::value& value) {
  const auto duration =
      value.is_string() ? istio::parse_duration(std::string(value.get_string())) : std::nullopt;
  if (!duration) return "a duration, such as 20s";
  settings.drain = std::chrono::ceil<std::chrono::seconds>(*duration);
  return nullptr;
}

const std::map<std::string, Setter>& setters() {
  static const std::map<std::string, Setter> kSetters{
      {"image", text(&Settings::image)},
      {"imagePullPolicy", text(&Settings::image_pull_policy)},
      {"discoveryAddress", text(&Settings::discovery_address)},
      {"revision", text(&Settings::revision)},
      {"clusterID", text(&Settings::cluster_id)},
      {"meshID", text(&Settings::mesh_id)},
      {"addressFamily", text(&Settings::address_family)},
      {"logLevel", text(&Settings::log_level)},
      {"componentLogLevel", text(&Settings::component_log_level)},
      {"nativeSidecar", flag(&Settings::native_sidecar)},
      {"holdApplicationUntilProxyStarts", flag(&Settings::hold_application)},
      {"rewriteAppHTTPProbers", flag(&Settings::rewrite_probes)},
      {"enablePrometheusMerge", flag(&Settings::merge_metrics)},
      {"concurrency", number([](Settings& settings) -> int& { return settings.concurrency; })},
      {"terminationDrainDuration", set_drain},
      {"resources.requests.cpu", text(&Resources::cpu)},
      {"resources.requests.memory", text(&Resources::memory)},
      {"resources.limits.cpu", text(&Resources::cpu_limit)},
      {"resources.limits.memory", text(&Resources::memory_limit)},
      {"interception.mode", text(&Capture::mode)},
      {"interception.includeOutboundIPRanges", text(&Capture::include_outbound_ranges)},
      {"interception.excludeOutboundIPRanges", text(&Capture::exclude_outbound_ranges)},
      {"interception.includeInboundPorts", text(&Capture::include_inbound_ports)},
      {"interception.excludeInboundPorts", text(&Capture::exclude_inbound_ports)},
      {"interception.includeOutboundPorts", text(&Capture::include_outbound_ports)},
      {"interception.excludeOutboundPorts", text(&Capture::exclude_outbound_ports)},
      {"interception.excludeInterfaces", text(&Capture::exclude_interfaces)},
      {"readiness.enabled", set_readiness},
      {"readiness.initialDelaySeconds", number(&Readiness::initial_delay_seconds)},
      {"readiness.periodSeconds", number(&Readiness::period_seconds)},
      {"readiness.failureThreshold", number(&Readiness::failure_threshold)},
  };
  return kSetters;
}

/// Nothing but comments: all settings may be commented out.
bool says_nothing(const std::string& yaml) {
  size_t at = 0;
  while ((at = yaml.find_first_not_of(" \t\r\n", at)) != std::string::npos) {
    if (yaml[at] != '#') return false;
    at = yaml.find('\n', at);
  }
  return true;
}

bool leads_somewhere(const std::string& path) {
  const auto next = setters().lower_bound(path + '.');
  return next != setters().end() && next->first.starts_with(path + '.');
}

Result<void> read(const json::object& in, const std::string& prefix, Settings& settings) {
  for (const auto& [name, value] : in) {
    const std::string path = prefix + std::string(name);
    if (const auto setter = setters().find(path); setter != setters().end()) {
      const char* wanted = setter->second(settings, value);
      if (wanted != nullptr) return Error{path + ": " + json::serialize(value) + " is not " + wanted};
      continue;
    }
    if (!leads_somewhere(path)) return Error{path + ": there is no such setting"};
    if (value.is_null()) continue;
    if (!value.is_object()) return Error{path + ": is no map"};
    auto below = read(value.get_object(), path + '.', settings);
    if (!below.ok()) return below;
  }
  return {};
}

}  // namespace

Result<Settings> read_settings(const std::string& yaml, Settings base) {
  if (says_nothing(yaml)) return base;
  const auto parsed = store::from_yaml(yaml);
  if (!parsed.ok()) return Error{parsed.error()};
  if (!parsed->is_object()) return Error{"is no map"};
  const auto done = read(parsed->get_object(), "", base);
  if (!done.ok()) return Error{done.error()};
  const auto checked = check(base);
  if (!checked.ok()) return Error{checked.error()};
  return base;
}

}  // namespace remora::inject
