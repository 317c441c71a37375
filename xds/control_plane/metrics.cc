#include "control_plane/metrics.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "control_plane/ads_service.h"
#include "control_plane/ads_stream.h"
#include "control_plane/mesh.h"
#include "telemetry/traffic_store.h"

namespace remora::xds {
namespace {

class Writer {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_.append("# HELP ").append(name).append(" ").append(help).append("\n");
    out_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }

  void sample(uint64_t value, std::string_view label = "", std::string_view label_value = "") {
    out_.append(name_);
    if (!label.empty()) out_.append("{").append(label).append("=\"").append(label_value).append("\"}");
    out_.append(" ").append(std::to_string(value)).append("\n");
  }

  std::string take() { return std::move(out_); }

 private:
  std::string name_;
  std::string out_;
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

void write_config(const Mesh& mesh, Writer& writer) {
  const auto count = [&](istio::Severity severity) {
    return static_cast<uint64_t>(
        std::count_if(mesh.findings().begin(), mesh.findings().end(),
                      [&](const auto& finding) { return finding.severity == severity; }));
  };
  writer.family("remora_control_config_errors", "gauge",
                "Faults that keep a resource or file from taking effect.");
  writer.sample(count(istio::Severity::kError));
  writer.family("remora_control_config_warnings", "gauge", "Findings about resources that have effect.");
  writer.sample(count(istio::Severity::kWarning));
  writer.family("remora_control_config_version", "counter", "Changes of the configuration since the start.");
  writer.sample(mesh.version());
  std::map<std::string, uint64_t> kinds;
  for (const auto& resource : mesh.registry().resources()) ++kinds[resource->kind];
  writer.family("remora_control_resources", "gauge", "Resources in effect, by kind.");
  for (const auto& [kind, number] : kinds) writer.sample(number, "kind", kind);
  writer.family("pilot_services", "gauge", "Hosts that can be called.");
  writer.sample(mesh.registry().services().size());
}

void write_streams(const AdsService& ads, Writer& writer) {
  std::map<istio::XdsType, uint64_t> rejected;
  uint64_t connected = 0;
  for (const auto& stream : ads.streams()) {
    if (stream->node()) ++connected;
    for (const istio::XdsType type : istio::kXdsTypes) {
      if (!stream->session().sync_state(type).nacked.empty()) ++rejected[type];
    }
  }
  writer.family("pilot_xds", "gauge", "Connected proxies.");
  writer.sample(connected);
  writer.family("remora_control_proxies_rejecting", "gauge",
                "Proxies that rejected the newest response, by type.");
  for (const istio::XdsType type : istio::kXdsTypes) {
    writer.sample(rejected[type], "type", lower(istio::short_name(type)));
  }
}

void write_counters(const AdsCounters& counters, Writer& writer) {
  uint64_t rejects = 0;
  writer.family("pilot_xds_pushes", "counter", "Responses sent, by type.");
  for (const istio::XdsType type : istio::kXdsTypes) {
    writer.sample(counters.pushes[static_cast<size_t>(type)], "type", lower(istio::short_name(type)));
    rejects += counters.rejects[static_cast<size_t>(type)];
  }
  writer.family("pilot_total_xds_rejects", "counter", "Responses that proxies rejected.");
  writer.sample(rejects);
  for (const istio::XdsType type : istio::kXdsTypes) {
    writer.family("pilot_xds_" + lower(istio::short_name(type)) + "_reject", "counter",
                  "Rejected responses.");
    writer.sample(counters.rejects[static_cast<size_t>(type)]);
  }
}

void write_telemetry(const telemetry::TrafficStore::Counts& counts, Writer& writer) {
  writer.family("remora_control_telemetry_proxies", "gauge", "Proxies that push their statistics.");
  writer.sample(counts.proxies);
  writer.family("remora_control_telemetry_series", "gauge", "Kinds of traffic that are kept apart.");
  writer.sample(counts.series);
  writer.family("remora_control_telemetry_reports_total", "counter", "Messages of statistics received.");
  writer.sample(counts.reports);
  writer.family("remora_control_telemetry_dropped_total", "counter", "Metrics beyond a limit.");
  writer.sample(counts.dropped);
}

}  // namespace

std::string render_metrics(const Mesh& mesh, const AdsService& ads, const telemetry::TrafficStore& traffic) {
  Writer writer;
  write_config(mesh, writer);
  write_streams(ads, writer);
  write_counters(ads.counters(), writer);
  write_telemetry(traffic.counts(), writer);
  return writer.take();
}

}  // namespace remora::xds
