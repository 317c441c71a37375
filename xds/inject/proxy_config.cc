#include "inject/proxy_config.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "inject/json_access.h"
#include "istio/text/scalar.h"
#include "store/yaml.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

Error wrong(std::string_view name, const json::value& value, const char* wanted) {
  return Error{std::string(name) + ": " + json::serialize(value) + " is no " + wanted};
}

Result<void> set_duration(std::string_view name, const json::value& value, Settings& settings) {
  const auto duration =
      value.is_string() ? istio::parse_duration(std::string(value.get_string())) : std::nullopt;
  if (!duration) return wrong(name, value, "duration");
  settings.drain = std::chrono::ceil<std::chrono::seconds>(*duration);
  return {};
}

Result<void> set_text(std::string_view name, const json::value& value, std::string& out) {
  if (!value.is_string()) return wrong(name, value, "string");
  out = std::string(value.get_string());
  return {};
}

/// Istio's settings of its agent, as far as they are about how a sidecar ends.
Result<void> set_metadata(const json::value& value, Settings& settings, std::vector<std::string>& warnings) {
  if (!value.is_object()) return wrong("proxyMetadata", value, "map");
  for (const auto& [name, setting] : value.get_object()) {
    const std::string path = "proxyMetadata." + std::string(name);
    if (!setting.is_string()) return wrong(path, setting, "string");
    const std::string text(setting.get_string());
    if (name == "EXIT_ON_ZERO_ACTIVE_CONNECTIONS") {
      if (text != "true" && text != "false") return wrong(path, setting, "\"true\" or \"false\"");
      settings.exit_when_idle = text == "true";
    } else if (name == "MINIMUM_DRAIN_DURATION") {
      const auto duration = istio::parse_duration(text);
      if (!duration) return wrong(path, setting, "duration");
      settings.minimum_drain = std::chrono::ceil<std::chrono::seconds>(*duration);
    } else {
      warnings.push_back("proxy.istio.io/config: " + path + ": is not implemented and has no effect");
    }
  }
  return {};
}

Result<void> set(std::string_view name, const json::value& value, Settings& settings,
                 std::vector<std::string>& warnings) {
  if (name == "holdApplicationUntilProxyStarts") {
    if (!value.is_bool()) return wrong(name, value, "boolean");
    settings.hold_application = value.get_bool();
    return {};
  }
  if (name == "proxyMetadata") return set_metadata(value, settings, warnings);
  if (name == "terminationDrainDuration") return set_duration(name, value, settings);
  if (name == "discoveryAddress") return set_text(name, value, settings.discovery_address);
  if (name == "interceptionMode") return set_text(name, value, settings.capture.mode);
  if (name == "concurrency") {
    const bool good = value.is_int64() && value.get_int64() >= 0 && value.get_int64() <= 1024;
    if (!good) return wrong(name, value, "number of threads");
    settings.concurrency = static_cast<int>(value.get_int64());
    return {};
  }
  if (name == "image") {  // only its type can be said, and there is one
    warnings.push_back(
        "proxy.istio.io/config: image: there is one type of image; sidecar.istio.io/proxyImage names "
        "another");
    return {};
  }
  warnings.push_back("proxy.istio.io/config: " + std::string(name) +
                     ": is not implemented and has no effect");
  return {};
}

}  // namespace

Result<void> read_proxy_config(const std::string& yaml, Settings& settings,
                               std::vector<std::string>& warnings) {
  const auto parsed = store::from_yaml(yaml);
  if (!parsed.ok()) return Error{parsed.error()};
  if (!parsed->is_object()) return Error{"is no map"};
  for (const auto& [name, value] : parsed->get_object()) {
    auto done = set(name, value, settings, warnings);
    if (!done.ok()) return done;
  }
  return {};
}

}  // namespace remora::inject
