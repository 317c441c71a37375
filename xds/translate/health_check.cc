#include "remora/config/health_check.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "envoy/config/core/v3/health_check.pb.h"
#include "envoy/extensions/health_check/event_sinks/file/v3/file.pb.h"
#include "translate/cluster.h"
#include "translate/header_mutations.h"
#include "translate/matchers.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::core::v3;
using FileSink = envoy::extensions::health_check::event_sinks::file::v3::HealthCheckEventFileSink;
using Ranges = google::protobuf::RepeatedPtrField<envoy::type::v3::Int64Range>;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Standing at the payload.
std::string to_payload(const v3::HealthCheck::Payload& payload, Context& context) {
  if (payload.has_binary()) return payload.binary();
  const auto& text = payload.text();
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) break;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  if (bytes.size() * 2 != text.size()) context.error("text", "'" + text + "' is not hexadecimal");
  return bytes;
}

std::string to_send(const v3::HealthCheck::Payload& payload, Context& context) {
  const auto scope = context.in("send");
  return to_payload(payload, context);
}

template <typename Payloads>
std::vector<std::string> to_receive(const Payloads& payloads, Context& context) {
  std::vector<std::string> out;
  for (int i = 0; i < payloads.size(); ++i) {
    const auto scope = context.in("receive", i);
    auto block = to_payload(payloads[i], context);
    if (!block.empty()) out.push_back(std::move(block));
  }
  return out;
}

StatusRanges to_ranges(const Ranges& ranges, std::string_view field, Context& context) {
  StatusRanges out;
  for (int i = 0; i < ranges.size(); ++i) {
    const auto scope = context.in(field, i);
    const auto start = ranges[i].start();
    const auto end = ranges[i].end();
    if (start < 100 || end > 600 || start >= end) {
      context.error("[" + std::to_string(start) + ", " + std::to_string(end) +
                    ") is no range of statuses: it must lie in [100, 600), and start before it ends");
      continue;
    }
    out.emplace_back(static_cast<uint16_t>(start), static_cast<uint16_t>(end));
  }
  return out;
}

bool has_body(const std::string& method) {
  return method != "GET" && method != "HEAD" && method != "DELETE" && method != "TRACE";
}

void check_buffer(const HttpHealthCheck& check, Context& context) {
  size_t expected = 0;
  for (const auto& block : check.receive) expected += block.size();
  if (check.response_buffer > 0 && expected > check.response_buffer)
    context.error("response_buffer_size",
                  "is smaller than the " + std::to_string(expected) + " bytes that receive expects");
}

HttpHealthCheck to_http(const v3::HealthCheck::HttpHealthCheck& source, const std::string& cluster,
                        Context& context) {
  HttpHealthCheck out;
  out.host = source.host().empty() ? cluster : source.host();
  out.path = source.path();
  if (source.method() != v3::METHOD_UNSPECIFIED) out.method = v3::RequestMethod_Name(source.method());
  if (source.has_send()) {
    out.send = to_send(source.send(), context);
    if (!has_body(out.method))
      context.error("send", "a request with the method " + out.method + " has no body");
  }
  out.receive = to_receive(source.receive(), context);
  if (source.has_response_buffer_size()) out.response_buffer = source.response_buffer_size().value();
  check_buffer(out, context);
  out.headers = to_request_mutations(source, context);
  if (source.expected_statuses_size() > 0)
    out.expected = to_ranges(source.expected_statuses(), "expected_statuses", context);
  out.retriable = to_ranges(source.retriable_statuses(), "retriable_statuses", context);
  out.http2 = source.codec_client_type() == envoy::type::v3::HTTP2;
  if (source.codec_client_type() == envoy::type::v3::HTTP3)
    context.unsupported("codec_client_type", "HTTP/3");
  if (source.has_service_name_matcher()) {
    const auto scope = context.in("service_name_matcher");
    out.service_name = to_string_matcher(source.service_name_matcher(), context);
  }
  return out;
}

TcpHealthCheck to_tcp(const v3::HealthCheck::TcpHealthCheck& source, Context& context) {
  TcpHealthCheck out;
  if (source.has_send()) out.send = to_send(source.send(), context);
  out.receive = to_receive(source.receive(), context);
  return out;
}

GrpcHealthCheck to_grpc(const v3::HealthCheck::GrpcHealthCheck& source, const std::string& cluster,
                        Context& context) {
  return {source.service_name(), source.authority().empty() ? cluster : source.authority(),
          to_header_mutations(source.initial_metadata(), "initial_metadata", {}, "", context)};
}

void set_check(const v3::HealthCheck& source, const std::string& cluster, Context& context,
               HealthChecks& out) {
  if (source.has_http_health_check()) {
    const auto scope = context.in("http_health_check");
    out.check = to_http(source.http_health_check(), cluster, context);
  } else if (source.has_tcp_health_check()) {
    const auto scope = context.in("tcp_health_check");
    out.check = to_tcp(source.tcp_health_check(), context);
  } else if (source.has_grpc_health_check()) {
    const auto scope = context.in("grpc_health_check");
    out.check = to_grpc(source.grpc_health_check(), cluster, context);
  }
}

/// The files that events go to, each once.
std::vector<std::string> to_event_logs(const v3::HealthCheck& source, Context& context) {
  std::vector<std::string> out;
  const auto add = [&out](const std::string& path) {
    if (!path.empty() && std::ranges::find(out, path) == out.end()) out.push_back(path);
  };
  add(source.event_log_path());
  for (int i = 0; i < source.event_logger_size(); ++i) {
    const auto scope = context.in("event_logger", i);
    const auto typed = context.in("typed_config");
    const auto config = unpack(source.event_logger(i).typed_config());
    const auto* file = dynamic_cast<const FileSink*>(config.message.get());
    if (file != nullptr) {
      add(file->event_log_path());
    } else {
      refuse_extension("health check event sink", source.event_logger(i).name(), config, context);
    }
  }
  return out;
}

void set_times(const v3::HealthCheck& source, Context& context, HealthChecks& out) {
#define REMORA_TAKE(field) \
  if (source.has_##field()) out.field = to_milliseconds(source.field(), #field, context)
  REMORA_TAKE(timeout);
  REMORA_TAKE(interval);
  REMORA_TAKE(initial_jitter);
  REMORA_TAKE(interval_jitter);
  REMORA_TAKE(no_traffic_interval);
  out.no_traffic_healthy_interval = out.no_traffic_interval;
  REMORA_TAKE(no_traffic_healthy_interval);
  out.unhealthy_interval = out.interval;
  REMORA_TAKE(unhealthy_interval);
  out.unhealthy_edge_interval = out.unhealthy_interval;
  REMORA_TAKE(unhealthy_edge_interval);
  out.healthy_edge_interval = out.interval;
  REMORA_TAKE(healthy_edge_interval);
#undef REMORA_TAKE
  out.interval_jitter_percent = source.interval_jitter_percent();
}

}  // namespace

void set_health_checks(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                       ClusterConfig& out) {
  if (cluster.health_checks_size() == 0) return;
  if (cluster.health_checks_size() > 1)
    context.error("health_checks", "more than one is not possible, in Envoy neither");
  if (out.discovery == ClusterConfig::Discovery::kAggregate) return;
  if (out.original_dst) {
    context.warning("health_checks", "has no effect: a cluster of type ORIGINAL_DST has no hosts to ask");
    return;
  }
  auto checks = std::make_shared<HealthChecks>();
  {
    const auto scope = context.in("health_checks", 0);
    const auto& source = cluster.health_checks(0);
    set_check(source, cluster.name(), context, *checks);
    set_times(source, context, *checks);
    checks->unhealthy_threshold = source.unhealthy_threshold().value();
    checks->healthy_threshold = source.healthy_threshold().value();
    if (source.has_reuse_connection()) checks->reuse_connection = source.reuse_connection().value();
    checks->event_logs = to_event_logs(source, context);
    checks->always_log_failures = source.always_log_health_check_failures();
    checks->always_log_successes = source.always_log_health_check_success();
    const auto& alpn = source.tls_options().alpn_protocols();
    checks->alpn.assign(alpn.begin(), alpn.end());
  }
  checks->ignore_health_on_host_removal = cluster.ignore_health_on_host_removal();
  checks->ignore_new_hosts_until_first_check = cluster.common_lb_config().ignore_new_hosts_until_first_hc();
  const auto& outlier = cluster.outlier_detection();
  if (outlier.has_successful_active_health_check_uneject_host())
    checks->uneject_on_success = outlier.successful_active_health_check_uneject_host().value();
  out.health_checks = std::move(checks);
}

}  // namespace remora::xds
