#include "upstream/ejection_log.h"

#include "admin/json_writer.h"
#include "core/time_format.h"

namespace remora {
namespace {

using admin::JsonWriter;

std::string_view type_name(const EjectionEvent& event) {
  if (!event.ejected) return "CONSECUTIVE_5XX";  // of a return nobody says why: the first of the names
  switch (event.kind) {
    case Ejection::kConsecutive5xx: return "CONSECUTIVE_5XX";
    case Ejection::kConsecutiveGateway: return "CONSECUTIVE_GATEWAY_FAILURE";
    case Ejection::kConsecutiveLocal: return "CONSECUTIVE_LOCAL_ORIGIN_FAILURE";
    case Ejection::kSuccessRate: return "SUCCESS_RATE";
    case Ejection::kSuccessRateLocal: return "SUCCESS_RATE_LOCAL_ORIGIN";
    case Ejection::kFailurePercentage: return "FAILURE_PERCENTAGE";
    case Ejection::kFailurePercentageLocal: return "FAILURE_PERCENTAGE_LOCAL_ORIGIN";
    case Ejection::kLatency: return "LATENCY";
  }
  return "";
}

/// Percent, or milliseconds, as the message has it: whole, and 0 where it was not computed.
uint64_t whole(double value) { return value > 0 ? static_cast<uint64_t>(value) : 0; }

void append_cause(JsonWriter& json, const EjectionEvent& event) {
  switch (event.kind) {
    case Ejection::kSuccessRate:
    case Ejection::kSuccessRateLocal:
      json.key("eject_success_rate_event");
      json.begin_object();
      json.member("host_success_rate", whole(event.measured));
      json.member("cluster_average_success_rate", whole(event.average));
      json.member("cluster_success_rate_ejection_threshold", whole(event.threshold));
      break;
    case Ejection::kFailurePercentage:
    case Ejection::kFailurePercentageLocal:
      json.key("eject_failure_percentage_event");
      json.begin_object();
      json.member("host_success_rate", whole(event.measured));
      break;
    case Ejection::kLatency:
      json.key("eject_latency_event");
      json.begin_object();
      json.member("host_latency_ms", whole(event.measured));
      json.member("cluster_median_latency_ms", whole(event.average));
      json.member("latency_ejection_threshold_ms", whole(event.threshold));
      break;
    default:
      json.key("eject_consecutive_event");
      json.begin_object();
      break;
  }
  json.end_object();
}

}  // namespace

Result<std::unique_ptr<EjectionLog>> EjectionLog::open(const std::string& path, AccessLogWriter& writer) {
  AccessLogConfig file;
  file.sink = AccessLogConfig::Sink::kFile;
  file.path = path;
  auto opened = writer.open(file);
  if (!opened) return opened.error();
  return std::make_unique<EjectionLog>(writer, std::move(*opened));
}

void EjectionLog::write(const std::string& cluster, const EjectionEvent& event) {
  auto line = ejection_line(cluster, event, std::chrono::system_clock::now());
  writer_.hand_over(*file_, line);
}

std::string ejection_line(const std::string& cluster, const EjectionEvent& event, WallTime when) {
  std::string timestamp;
  append_iso_time(when, timestamp);
  std::string line;
  JsonWriter json(line, JsonWriter::Style::kCompact);
  json.begin_object();
  json.member("type", type_name(event));
  json.member("timestamp", timestamp);
  // A 64-bit number, which protobuf's JSON writes as text.
  if (event.since_last) json.member("secs_since_last_action", std::to_string(event.since_last->count()));
  json.member("cluster_name", cluster);
  json.member("upstream_url", event.host.endpoint().address_text);
  json.member("action", event.ejected ? "EJECT" : "UNEJECT");
  json.member("num_ejections", event.ejections);
  json.member("enforced", event.ejected && event.enforced);
  if (event.ejected) append_cause(json, event);
  json.end_object();
  line += '\n';
  return line;
}

}  // namespace remora
