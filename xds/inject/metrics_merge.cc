#include "inject/metrics_merge.h"

#include "inject/json_access.h"
#include "istio/text/scalar.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

constexpr const char* kScrape = "prometheus.io/scrape";
constexpr const char* kPort = "prometheus.io/port";
constexpr const char* kPath = "prometheus.io/path";
constexpr const char* kScheme = "prometheus.io/scheme";

bool is_false(const std::string& text) {
  return text == "false" || text == "False" || text == "FALSE" || text == "f" || text == "F" || text == "0";
}

/// What is said of the application; a pod that says nothing has no metrics of its own.
Result<AppMetrics> read(const json::object& annotations) {
  AppMetrics metrics;
  if (!annotations.contains(kScrape) && !annotations.contains(kPort) && !annotations.contains(kPath))
    return metrics;
  metrics.port = 80;
  if (const std::string text = find_text(annotations, kPort); !text.empty()) {
    const auto port = istio::parse_integer(text);
    if (!port || *port < 1 || *port > 65535)
      return Error{std::string(kPort) + ": \"" + text + "\" is no port"};
    metrics.port = static_cast<int>(*port);
  }
  if (const std::string path = find_text(annotations, kPath); !path.empty()) metrics.path = path;
  if (!metrics.path.starts_with('/')) metrics.path.insert(0, 1, '/');
  return metrics;
}

}  // namespace

Result<AppMetrics> take_metrics(json::object& metadata, const Settings& settings,
                                std::vector<std::string>& warnings) {
  if (!settings.merge_metrics) return AppMetrics{};
  const json::object* given = find_object(metadata, "annotations");
  const json::object nothing;
  if (given == nullptr) given = &nothing;
  if (is_false(find_text(*given, kScrape)) || find_text(*given, kPort) == std::to_string(kProbePort))
    return AppMetrics{};
  if (find_text(*given, kScheme) == "https") {
    warnings.push_back(
        std::string(kScheme) +
        ": https: metrics over TLS are not merged with the sidecar's, which are on port 15090");
    return AppMetrics{};
  }
  auto metrics = read(*given);
  if (!metrics.ok()) return metrics;
  json::object& annotations = object_in(metadata, "annotations");
  annotations[kScrape] = "true";
  annotations[kPort] = std::to_string(kProbePort);
  annotations[kPath] = "/stats/prometheus";
  return metrics;
}

}  // namespace remora::inject
