#include "health_check/event_log.h"

#include <chrono>
#include <utility>

#include "admin/json_writer.h"
#include "core/time_format.h"
#include "log.h"
#include "remora/core/format.h"

namespace remora {
namespace {

using admin::JsonWriter;

std::string_view failure_name(CheckFailure failure) {
  switch (failure) {
    case CheckFailure::kActive: return "ACTIVE";
    case CheckFailure::kPassive: return "PASSIVE";
    case CheckFailure::kNetwork: return "NETWORK";
    case CheckFailure::kNetworkTimeout: return "NETWORK_TIMEOUT";
  }
  return "";
}

std::string failure_content(const CheckResult& result, const bool* first_check) {
  std::string out;
  JsonWriter json(out, JsonWriter::Style::kCompact);
  json.begin_object();
  json.member("failure_type", failure_name(result.failure));
  if (first_check != nullptr) json.member("first_check", *first_check);
  json.member("http_status_code", result.http_status);
  json.end_object();
  return out;
}

void append_address(std::string& out, const Address& address) {
  JsonWriter json(out, JsonWriter::Style::kCompact);
  json.begin_object();
  json.key(address.is_unix() ? "pipe" : "socket_address");
  json.begin_object();
  if (address.is_unix()) {
    json.member("path", address.host());
    json.member("mode", 0);
  } else {
    json.member("protocol", "TCP");
    json.member("address", address.host());
    json.member("port_value", address.port());
    json.member("resolver_name", "");
    json.member("ipv4_compat", false);
    json.member("network_namespace_filepath", "");
  }
  json.end_object();
  json.end_object();
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(text, out);
  out += '"';
}

}  // namespace

std::unique_ptr<HealthEvents> HealthEventLog::make(const ClusterConfig& config, AccessLogWriter& writer) {
  std::vector<std::shared_ptr<LogFile>> files;
  for (const auto& path : config.health_checks->event_logs) {
    AccessLogConfig file;
    file.sink = AccessLogConfig::Sink::kFile;
    file.path = path;
    if (auto opened = writer.open(file)) {
      files.push_back(std::move(*opened));
    } else {
      log_error("hc", "cluster '{}': {}", config.name, opened.error().message);
    }
  }
  if (files.empty()) return nullptr;
  return std::make_unique<HealthEventLog>(config, writer, std::move(files));
}

HealthEventLog::HealthEventLog(const ClusterConfig& config, AccessLogWriter& writer,
                               std::vector<std::shared_ptr<LogFile>> files)
    : cluster_(config.name),
      writer_(writer),
      files_(std::move(files)) {
  constexpr std::string_view kKinds[] = {"HTTP", "TCP", "GRPC"};
  kind_ = kKinds[config.health_checks->check.index()];
}

void HealthEventLog::eject_unhealthy(const Host& host, const CheckResult& result) {
  write(host, "eject_unhealthy_event", failure_content(result, nullptr), true);
}

void HealthEventLog::add_healthy(const Host& host, bool first_check) {
  write(host, "add_healthy_event", first_check ? R"({"first_check":true})" : R"({"first_check":false})",
        true);
}

void HealthEventLog::unhealthy(const Host& host, const CheckResult& result, bool first_check) {
  write(host, "health_check_failure_event", failure_content(result, &first_check), false);
}

void HealthEventLog::successful(const Host& host) {
  write(host, "successful_health_check_event", "{}", false);
}

void HealthEventLog::degraded(const Host& host, bool degraded) {
  write(host, degraded ? "degraded_healthy_host" : "no_longer_degraded_host", "{}", false);
}

void HealthEventLog::write(const Host& host, std::string_view event, std::string_view content, bool before) {
  const auto& endpoint = host.endpoint();
  std::string line = R"({"health_checker_type":")" + std::string(kind_) + R"(","host":)";
  append_address(line, endpoint.address);
  line += R"(,"cluster_name":)";
  append_quoted(line, cluster_);
  const std::string what = ",\"" + std::string(event) + "\":" + std::string(content);
  if (before) line += what;
  line += R"(,"timestamp":")";
  append_iso_time(std::chrono::system_clock::now(), line);
  line += '"';
  if (!before) line += what;
  if (!endpoint.metadata->filters.empty()) {
    line += R"(,"metadata":{"filter_metadata":)";
    MetadataValue{endpoint.metadata->filters}.append_json(line);
    line += R"(,"typed_filter_metadata":{}})";
  }
  const auto& locality = *endpoint.locality;
  line += R"(,"locality":{"region":)";
  append_quoted(line, locality.region);
  line += R"(,"zone":)";
  append_quoted(line, locality.zone);
  line += R"(,"sub_zone":)";
  append_quoted(line, locality.sub_zone);
  line += "}}\n";
  for (const auto& file : files_) {
    auto copy = line;
    writer_.hand_over(*file, copy);
  }
}

}  // namespace remora
