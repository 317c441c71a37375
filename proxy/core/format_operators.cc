// The table of all operators, and those of them that only read a field.

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "core/format_makers.h"
#include "core/format_read.h"
#include "remora/config/cluster.h"
#include "remora/config/route.h"

namespace remora {
namespace {

using Number = std::optional<uint64_t>;
using Text = std::optional<std::string_view>;

FormatEnvironment& environment() {
  static FormatEnvironment value;
  return value;
}

Text non_empty(std::string_view text) { return text.empty() ? Text() : Text(text); }

Number between(MonotonicTime from, MonotonicTime to) {
  if (from == MonotonicTime{} || to == MonotonicTime{}) return std::nullopt;
  return elapsed_ms(from, to);
}

// While the exchange runs (in header values), the time that has passed so far.
Number duration(const ExchangeInfo& info) {
  const bool over = info.end != MonotonicTime{};
  return between(info.start, over ? info.end : std::chrono::steady_clock::now());
}
Number request_duration(const ExchangeInfo& info) { return between(info.start, info.request_received); }
Number request_tx_duration(const ExchangeInfo& info) { return between(info.start, info.upstream_last_sent); }
Number response_duration(const ExchangeInfo& info) {
  return between(info.start, info.upstream_first_received);
}
Number response_tx_duration(const ExchangeInfo& info) {
  return between(info.upstream_first_received, info.end);
}

Number bytes_received(const ExchangeInfo& info) { return info.request_body_bytes; }
Number bytes_sent(const ExchangeInfo& info) { return info.response_body_bytes; }
Number request_headers_bytes(const ExchangeInfo& info) {
  return info.request != nullptr ? info.request->byte_size() : info.request_header_bytes;
}
Number response_headers_bytes(const ExchangeInfo& info) {
  return info.response != nullptr ? info.response->byte_size() : info.response_header_bytes;
}
Number response_trailers_bytes(const ExchangeInfo& info) {
  return info.response_trailers != nullptr ? info.response_trailers->byte_size() : 0;
}
Number response_code(const ExchangeInfo& info) { return info.response_code; }
Number attempts(const ExchangeInfo& info) { return info.attempts; }
Number connection_id(const ExchangeInfo& info) { return info.connection_id; }

Text protocol(const ExchangeInfo& info) {
  return info.protocol == Protocol::kNone ? Text() : Text(protocol_name(info.protocol));
}
Text termination_details(const ExchangeInfo& info) { return non_empty(info.termination_details); }
// Of a local reply also where it is empty.
Text local_reply_body(const ExchangeInfo& info) {
  return info.local_reply_body.data() == nullptr ? Text() : Text(info.local_reply_body);
}
Text route_name(const ExchangeInfo& info) {
  return info.route == nullptr ? Text() : non_empty(info.route->name);
}
Text virtual_cluster(const ExchangeInfo& info) {
  // The one for the rest has no name here, as in Envoy.
  const bool named = info.virtual_cluster != nullptr && !info.virtual_cluster->headers.empty();
  return named ? Text(info.virtual_cluster->name) : Text();
}
Text upstream_host(const ExchangeInfo& info) {
  return info.upstream_host == nullptr ? Text() : non_empty(info.upstream_host->address_text);
}
Text upstream_host_name(const ExchangeInfo& info) {
  if (info.upstream_host == nullptr || info.upstream_host->hostname.empty()) return upstream_host(info);
  return info.upstream_host->hostname;
}
Text upstream_cluster_raw(const ExchangeInfo& info) {
  return info.cluster == nullptr ? Text() : non_empty(info.cluster->name);
}
Text upstream_cluster(const ExchangeInfo& info) {
  if (info.cluster == nullptr || info.cluster->alt_stat_name->empty()) return upstream_cluster_raw(info);
  return *info.cluster->alt_stat_name;
}
Text filter_chain_name(const ExchangeInfo& info) { return non_empty(info.filter_chain); }
// Envoy's stream id of an HTTP request is its request id.
Text stream_id(const ExchangeInfo& info) {
  return info.request == nullptr ? Text() : info.request->get(HeaderId::kXRequestId);
}
Text hostname(const ExchangeInfo& /*info*/) { return non_empty(environment().hostname); }
Text access_log_type(const ExchangeInfo& info) { return access_log_type_name(info.log_type); }

enum class Argument : uint8_t { kNone, kOptional, kRequired };

struct Entry {
  std::string_view name;
  Result<OperatorPtr> (*make)(const OperatorCall&);
  Argument argument = Argument::kNone;
  bool length = false;
};

constexpr Entry kEntries[] = {
    {"ACCESS_LOG_TYPE", make_read<access_log_type>},
    {"BYTES_RECEIVED", make_read<bytes_received>},
    {"BYTES_SENT", make_read<bytes_sent>},
    {"CLUSTER_METADATA", make_metadata, Argument::kRequired, true},
    {"COMMON_DURATION", make_common_duration, Argument::kRequired},
    {"CONNECTION_ID", make_read<connection_id>},
    {"CONNECTION_TERMINATION_DETAILS", make_read<termination_details>},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS", make_address},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", make_address, Argument::kOptional},
    {"DOWNSTREAM_DIRECT_LOCAL_PORT", make_address},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", make_address},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", make_address, Argument::kOptional},
    {"DOWNSTREAM_DIRECT_REMOTE_PORT", make_address},
    {"DOWNSTREAM_LOCAL_ADDRESS", make_address},
    {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", make_address, Argument::kOptional},
    {"DOWNSTREAM_LOCAL_DNS_SAN", make_tls},
    {"DOWNSTREAM_LOCAL_EMAIL_SAN", make_tls},
    {"DOWNSTREAM_LOCAL_IP_SAN", make_tls},
    {"DOWNSTREAM_LOCAL_PORT", make_address},
    {"DOWNSTREAM_LOCAL_SUBJECT", make_tls},
    {"DOWNSTREAM_LOCAL_URI_SAN", make_tls},
    {"DOWNSTREAM_PEER_CERT", make_tls},
    {"DOWNSTREAM_PEER_CERT_V_END", make_tls, Argument::kOptional},
    {"DOWNSTREAM_PEER_CERT_V_START", make_tls, Argument::kOptional},
    {"DOWNSTREAM_PEER_DNS_SAN", make_tls},
    {"DOWNSTREAM_PEER_EMAIL_SAN", make_tls},
    {"DOWNSTREAM_PEER_FINGERPRINT_1", make_tls},
    {"DOWNSTREAM_PEER_FINGERPRINT_256", make_tls},
    {"DOWNSTREAM_PEER_IP_SAN", make_tls},
    {"DOWNSTREAM_PEER_ISSUER", make_tls},
    {"DOWNSTREAM_PEER_SERIAL", make_tls},
    {"DOWNSTREAM_PEER_SUBJECT", make_tls},
    {"DOWNSTREAM_PEER_URI_SAN", make_tls},
    {"DOWNSTREAM_REMOTE_ADDRESS", make_address},
    {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", make_address, Argument::kOptional},
    {"DOWNSTREAM_REMOTE_PORT", make_address},
    {"DOWNSTREAM_TLS_CIPHER", make_tls},
    {"DOWNSTREAM_TLS_SESSION_ID", make_tls},
    {"DOWNSTREAM_TLS_VERSION", make_tls},
    {"DOWNSTREAM_TRANSPORT_FAILURE_REASON", make_unset},  // where a handshake fails there is no exchange
    {"DURATION", make_read<duration>},
    {"DYNAMIC_METADATA", make_metadata, Argument::kRequired, true},
    {"EMIT_TIME", make_start_time, Argument::kOptional},
    {"EMIT_TIME_LOCAL", make_start_time, Argument::kOptional},
    {"ENVIRONMENT", make_environment, Argument::kRequired, true},
    {"FILTER_CHAIN_NAME", make_read<filter_chain_name>},
    {"FILTER_STATE", make_filter_state, Argument::kRequired, true},
    {"GRPC_STATUS", make_grpc_status, Argument::kOptional},
    {"GRPC_STATUS_NUMBER", make_grpc_status},
    {"HOSTNAME", make_read<hostname>},
    {"LOCAL_REPLY_BODY", make_read<local_reply_body>},
    {"METADATA", make_metadata, Argument::kRequired, true},
    {"PATH", make_path, Argument::kOptional, true},
    {"PROTOCOL", make_read<protocol>},
    {"QUERY_PARAM", make_query, Argument::kRequired, true},
    {"QUERY_PARAMS", make_query, Argument::kOptional, true},
    {"REQ", make_header, Argument::kRequired, true},
    {"REQUESTED_SERVER_NAME", make_server_name, Argument::kOptional},
    {"REQUEST_DURATION", make_read<request_duration>},
    {"REQUEST_HEADER", make_header, Argument::kRequired, true},
    {"REQUEST_HEADERS_BYTES", make_read<request_headers_bytes>},
    {"REQUEST_TX_DURATION", make_read<request_tx_duration>},
    {"RESP", make_header, Argument::kRequired, true},
    {"RESPONSE_CODE", make_read<response_code>},
    {"RESPONSE_CODE_DETAILS", make_response_code_details, Argument::kOptional},
    {"RESPONSE_DURATION", make_read<response_duration>},
    {"RESPONSE_FLAGS", make_response_flags},
    {"RESPONSE_FLAGS_LONG", make_response_flags},
    {"RESPONSE_HEADER", make_header, Argument::kRequired, true},
    {"RESPONSE_HEADERS_BYTES", make_read<response_headers_bytes>},
    {"RESPONSE_TRAILER", make_header, Argument::kRequired, true},
    {"RESPONSE_TRAILERS_BYTES", make_read<response_trailers_bytes>},
    {"RESPONSE_TX_DURATION", make_read<response_tx_duration>},
    {"ROUTE_NAME", make_read<route_name>},
    {"SPAN_ID", make_unset},
    {"START_TIME", make_start_time, Argument::kOptional},
    {"START_TIME_LOCAL", make_start_time, Argument::kOptional},
    {"STREAM_ID", make_read<stream_id>},
    {"TRACE_ID", make_unset},
    {"TRAILER", make_header, Argument::kRequired, true},
    {"UNIQUE_ID", make_unique_id},
    {"UPSTREAM_CLUSTER", make_read<upstream_cluster>},
    {"UPSTREAM_CLUSTER_RAW", make_read<upstream_cluster_raw>},
    {"UPSTREAM_FILTER_STATE", make_unset, Argument::kRequired, true},
    {"UPSTREAM_HOST", make_read<upstream_host>},
    {"UPSTREAM_HOST_NAME", make_read<upstream_host_name>},
    {"UPSTREAM_LOCAL_ADDRESS", make_address},
    {"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", make_address, Argument::kOptional},
    {"UPSTREAM_LOCAL_DNS_SAN", make_tls},
    {"UPSTREAM_LOCAL_IP_SAN", make_tls},
    {"UPSTREAM_LOCAL_PORT", make_address},
    {"UPSTREAM_LOCAL_URI_SAN", make_tls},
    {"UPSTREAM_METADATA", make_metadata, Argument::kRequired, true},
    {"UPSTREAM_PEER_CERT", make_tls},
    {"UPSTREAM_PEER_CERT_V_END", make_tls, Argument::kOptional},
    {"UPSTREAM_PEER_CERT_V_START", make_tls, Argument::kOptional},
    {"UPSTREAM_PEER_DNS_SAN", make_tls},
    {"UPSTREAM_PEER_IP_SAN", make_tls},
    {"UPSTREAM_PEER_ISSUER", make_tls},
    {"UPSTREAM_PEER_SUBJECT", make_tls},
    {"UPSTREAM_PEER_URI_SAN", make_tls},
    {"UPSTREAM_REMOTE_ADDRESS", make_address},
    {"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", make_address, Argument::kOptional},
    {"UPSTREAM_REMOTE_PORT", make_address},
    {"UPSTREAM_REQUEST_ATTEMPT_COUNT", make_read<attempts>},
    {"UPSTREAM_TLS_CIPHER", make_tls},
    {"UPSTREAM_TLS_SESSION_ID", make_tls},
    {"UPSTREAM_TLS_VERSION", make_tls},
    {"UPSTREAM_TRANSPORT_FAILURE_REASON", make_transport_failure},
    {"VIRTUAL_CLUSTER_NAME", make_read<virtual_cluster>},
};
static_assert(std::ranges::is_sorted(kEntries, {}, &Entry::name));

// What Envoy has and this build does not, so that the error can say so.
constexpr std::string_view kUnsupported[] = {
    "BYTES_RETRANSMITTED",
    "CEL",
    "COALESCE",
    "CUSTOM_FLAGS",
    "DOWNSTREAM_DETECTED_CLOSE_TYPE",
    "DOWNSTREAM_HANDSHAKE_DURATION",
    "DOWNSTREAM_HEADER_BYTES_RECEIVED",
    "DOWNSTREAM_HEADER_BYTES_SENT",
    "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID",
    "DOWNSTREAM_LOCAL_CLOSE_REASON",
    "DOWNSTREAM_WIRE_BYTES_RECEIVED",
    "DOWNSTREAM_WIRE_BYTES_SENT",
    "PACKETS_RETRANSMITTED",
    "REQ_WITHOUT_QUERY",
    "ROUNDTRIP_DURATION",
    "TLS_JA3_FINGERPRINT",
    "TLS_JA4_FINGERPRINT",
    "UPSTREAM_CONNECTION_ID",
    "UPSTREAM_CONNECTION_POOL_READY_DURATION",
    "UPSTREAM_DETECTED_CLOSE_TYPE",
    "UPSTREAM_HEADER_BYTES_RECEIVED",
    "UPSTREAM_HEADER_BYTES_SENT",
    "UPSTREAM_HOSTS_ATTEMPTED",
    "UPSTREAM_HOST_NAME_WITHOUT_PORT",
    "UPSTREAM_LOCAL_CLOSE_REASON",
    "UPSTREAM_PROTOCOL",
    "UPSTREAM_WIRE_BYTES_RECEIVED",
    "UPSTREAM_WIRE_BYTES_SENT",
};

}  // namespace

void set_format_environment(FormatEnvironment value) { environment() = std::move(value); }

Result<OperatorPtr> make_operator(const OperatorCall& call) {
  const auto* const entry = std::ranges::lower_bound(kEntries, call.name, {}, &Entry::name);
  if (entry == std::end(kEntries) || entry->name != call.name) {
    const bool known = std::ranges::find(kUnsupported, call.name) != std::end(kUnsupported);
    return Error{known ? "this build does not support it" : "there is no such operator"};
  }
  const bool has_argument = call.argument && !call.argument->empty();
  if (entry->argument == Argument::kNone && has_argument) return Error{"it takes no argument"};
  if (entry->argument == Argument::kRequired && !has_argument) return Error{"it needs an argument"};
  if (!entry->length && call.max_length) return Error{"it takes no length"};
  return entry->make(call);
}

}  // namespace remora
